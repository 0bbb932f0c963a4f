import type { MemoryPlan } from '../engine/engine.ts'

/** Columns as wide as their widest cell; those named stand at the right. */
export function table (rows: string[][], right: number[] = []): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows
    .map(row => row.map((cell, column) => right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)).join('  ').trimEnd())
    .join('\n')
}

/** In the unit in which files are sold and cards are not: 1 GB is 10^9 bytes. */
export function gigabytes (bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

/** What takes the memory, and what is there. */
export function planTable (plan: MemoryPlan): string {
  const place = plan.memory === 'vram' ? 'VRAM' : 'RAM'
  return table([
    ['weights', gigabytes(plan.weights)],
    ['projector', gigabytes(plan.projector)],
    ['encoding the largest picture', gigabytes(plan.encoding)],
    ['computing', gigabytes(plan.compute)],
    [`${plan.slots} ${plan.slots === 1 ? 'slot' : 'slots'} of ${plan.contextSize} tokens, ${gigabytes(plan.slot)} each`, gigabytes(plan.slots * plan.slot)],
    ...plan.memory === 'ram' ? [['cached pictures (IMAGE_CACHE_MB)', gigabytes(plan.imageCache)]] : [],
    ['together', gigabytes(plan.needed)],
    ...plan.total > 0 ? [[`free ${place} of ${gigabytes(plan.total)}`, gigabytes(plan.free)], ['of which kept free', gigabytes(plan.reserve)]] : []
  ], [1])
}

/** What to tell an operator whose model does not fit; null when it does. */
export function planWarning ({ memory, fits, auto, slots, slotsThatFit, contextSize, needed, free, reserve }: MemoryPlan): string | null {
  if (fits) return null
  const place = memory === 'vram' ? 'of VRAM' : 'of memory'
  const short = `The plan needs ${gigabytes(needed)} ${place}, ${gigabytes(Math.max(0, free - reserve))} may be used`
  if (slotsThatFit > 0 && !auto) return `${short}: MAX_CONCURRENT_REQUESTS=${slotsThatFit} (or auto) would fit, ${slots} slots will have less than CONTEXT_SIZE=${contextSize}`
  return `${short}: ${memory === 'vram' ? 'layers that do not fit run on the CPU, slowly' : 'slots get fewer tokens, or the start fails'}; a smaller model, CONTEXT_SIZE or MAX_PIXELS may help`
}
