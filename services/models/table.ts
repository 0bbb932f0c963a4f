import type { MemoryPlan } from '../engine/engine.ts'

/** Columns as wide as their widest cell; those named stand at the right. */
export function table (rows: string[][], right: number[] = []): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows
    .map(row => row
      .map((cell, column) => right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd())
    .join('\n')
}

/** Of files: 1 GB is 10^9 bytes, as on the hub. */
export function gigabytes (bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

/** Of memory: a card that is sold as 16 GB has 16 GiB. */
export function gibibytes (bytes: number): string {
  return bytes < 1024 ** 3 / 10
    ? `${(bytes / 1024 ** 2).toFixed(bytes < 10 * 1024 ** 2 ? 1 : 0)} MiB`
    : `${(bytes / 1024 ** 3).toFixed(2)} GiB`
}

/** What takes the memory, and what is there. */
export function planTable (plan: MemoryPlan): string {
  const place = plan.memory === 'vram' ? 'VRAM' : 'RAM'
  return table([
    ['weights', gibibytes(plan.weights)],
    ['projector', gibibytes(plan.projector)],
    ['encoding the largest picture', gibibytes(plan.encoding)],
    ['computing', gibibytes(plan.compute)],
    [`${plan.slots} ${plan.slots === 1
      ? 'slot'
      : 'slots'} of ${plan.contextSize} tokens, ${gibibytes(plan.slot)} each`, gibibytes(plan.slots * plan.slot)],
    ...plan.memory === 'ram' ? [['cached pictures (IMAGE_CACHE_MB)', gibibytes(plan.imageCache)]] : [],
    ['together', gibibytes(plan.needed)],
    ...plan.total > 0
      ? [
          [`free ${place} of ${gibibytes(plan.total)}`, gibibytes(plan.free)],
          ['of which kept free', gibibytes(plan.reserve)]
        ]
      : []
  ], [1])
}

/** What to tell an operator whose model does not fit; null when it does. */
export function planWarning (
  { memory, fits, auto, slots, slotsThatFit, contextSize, needed, free, reserve }: MemoryPlan
): string | null {
  if (fits) return null
  const place = memory === 'vram' ? 'of VRAM' : 'of memory'
  const short = `The plan needs ${gibibytes(needed)} ${place}, ${gibibytes(Math.max(0, free - reserve))} may be used`
  if (slotsThatFit > 0 && !auto) {
    return `${short}: MAX_CONCURRENT_REQUESTS=${slotsThatFit} (or auto) would fit, ${slots} slots will have less than CONTEXT_SIZE=${contextSize}`
  }
  return `${short}: ${memory === 'vram'
    ? 'layers that do not fit run on the CPU, slowly'
    : 'slots get fewer tokens, or the start fails'}; a smaller model, CONTEXT_SIZE or MAX_PIXELS may help`
}
