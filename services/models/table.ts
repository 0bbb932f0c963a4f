import type { MemoryPlan } from '../engine/engine.ts'

/**
 * Formats rows as a table with aligned columns.
 * @param right indices of right-aligned columns
 */
export function table (rows: string[][], right: number[] = []): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows
    .map(row => row
      .map((cell, column) => right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd())
    .join('\n')
}

/** Formats the size of a file. 1 GB is 10^9 bytes, as on the hub. */
export function gigabytes (bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

/** Formats an amount of memory. A GPU sold with 16 GB has 16 GiB. */
export function gibibytes (bytes: number): string {
  return bytes < 1024 ** 3 / 10
    ? `${(bytes / 1024 ** 2).toFixed(bytes < 10 * 1024 ** 2 ? 1 : 0)} MiB`
    : `${(bytes / 1024 ** 3).toFixed(2)} GiB`
}

/** Formats a memory plan as a table. */
export function planTable (plan: MemoryPlan): string {
  const place = plan.memory === 'vram' ? 'VRAM' : 'RAM'
  const slots = `${plan.slots} ${plan.slots === 1 ? 'slot' : 'slots'}`
  return table([
    ['weights', gibibytes(plan.weights)],
    ['projector', gibibytes(plan.projector)],
    ['encoding the largest image', gibibytes(plan.encoding)],
    ['compute', gibibytes(plan.compute)],
    [`${slots} of ${plan.contextSize} tokens, ${gibibytes(plan.slot)} each`, gibibytes(plan.slots * plan.slot)],
    ...plan.memory === 'ram' ? ramRows(plan) : [],
    ['total', gibibytes(plan.needed)],
    ...plan.total > 0
      ? [
          [`free ${place} of ${gibibytes(plan.total)}`, gibibytes(plan.free)],
          ['of which reserved', gibibytes(plan.reserve)]
        ]
      : [],
    // Without recurrent layers only the image cache is in RAM, and that is not worth two lines.
    ...plan.memory === 'vram' && plan.checkpoints > 0
      ? [
          ...ramRows(plan).map(([name, size]) => [`in RAM: ${name}`, size!]),
          ...plan.usableRam === null ? [] : [['usable RAM', gibibytes(plan.usableRam)]]
        ]
      : []
  ], [1])
}

function ramRows ({ imageCache, slots, checkpoints }: MemoryPlan): string[][] {
  return [
    ['image cache (IMAGE_CACHE_MB)', gibibytes(imageCache)],
    ...checkpoints > 0 ? [[`checkpoints, ${gibibytes(checkpoints)} per slot`, gibibytes(slots * checkpoints)]] : []
  ]
}

/** Returns a warning for the operator if a model does not fit, otherwise null. */
export function planWarning (plan: MemoryPlan): string | null {
  const sentences = [shortageOf(plan), ramShortageOf(plan)].filter(sentence => sentence !== null)
  return sentences.length === 0 ? null : sentences.join('. ')
}

function shortageOf (
  { memory, fits, auto, slots, slotsThatFit, contextSize, needed, free, reserve }: MemoryPlan
): string | null {
  if (fits) return null
  const place = memory === 'vram' ? 'of VRAM' : 'of memory'
  const usable = gibibytes(Math.max(0, free - reserve))
  const shortage = `The plan needs ${gibibytes(needed)} ${place}, but only ${usable} are available`
  if (slotsThatFit > 0 && !auto) {
    return `${shortage}, so ${slots} slots get less than CONTEXT_SIZE=${contextSize}: ` +
      `set MAX_CONCURRENT_REQUESTS to ${slotsThatFit} or auto`
  }
  const consequence =
    memory === 'vram' ? 'some layers run slowly on the CPU' : 'slots get fewer tokens or the start fails'
  return `${shortage}, so ${consequence}: use a smaller model, CONTEXT_SIZE or MAX_PIXELS`
}

function ramShortageOf ({ ramBesideGpu, usableRam }: MemoryPlan): string | null {
  if (usableRam === null || ramBesideGpu <= usableRam) return null
  return `The image cache and the checkpoints need ${gibibytes(ramBesideGpu)} of RAM, ` +
    `but only ${gibibytes(usableRam)} are available: lower IMAGE_CACHE_MB or MAX_CONCURRENT_REQUESTS`
}
