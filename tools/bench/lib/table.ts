import type { Row } from '../scenarios/scenario.ts'
import { median, percentile } from './stats.ts'

/**
 * A Markdown table of medians, and what the first contender's median is divided by each other's. Where there is room for doubt the
 * spread stands beside: the 10th and the 90th percentile.
 */
export function toTable (rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap(row => Object.keys(row.values)))]
  const [ours, ...others] = names
  const head = ['', ...names, ...others.map(name => `${ours} ÷ ${name}`)]
  const lines = rows.map(({ measure, unit, values }) => [
    `${measure}, ${unit}`,
    ...names.map(name => cell(values[name])),
    ...others.map(name => ratio(values[ours!], values[name]))
  ])
  return [head, head.map((_, i) => i === 0 ? '---' : '---:'), ...lines].map(cells => `| ${cells.join(' | ')} |`).join(
    '\n'
  )
}

function cell (values: readonly number[] | undefined): string {
  if (!values || values.length === 0) return '—'
  const middle = round(median(values))
  return values.length < 3 ? middle : `${middle} (${round(percentile(values, 0.1))}–${round(percentile(values, 0.9))})`
}

function ratio (ours: readonly number[] | undefined, theirs: readonly number[] | undefined): string {
  if (!ours?.length || !theirs?.length) return '—'
  const value = median(ours) / median(theirs)
  // Zero by zero, or by something: nothing that can be compared.
  return Number.isFinite(value) ? value.toFixed(value < 0.1 ? 3 : 2) : '—'
}

/** Three digits that count, and no more. */
function round (value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}
