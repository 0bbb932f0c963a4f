import type { Row } from '../scenarios/scenario.ts'
import { median, percentile } from './stats.ts'

/**
 * Renders a Markdown table of medians, and of the first contender's median divided by each other's. With three values
 * or more, it adds the 10th and the 90th percentile.
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
  const rule = head.map((_, i) => i === 0 ? '---' : '---:')
  return [head, rule, ...lines].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

function cell (values: readonly number[] | undefined): string {
  if (!values || values.length === 0) return '—'
  const middle = round(median(values))
  return values.length < 3 ? middle : `${middle} (${round(percentile(values, 0.1))}–${round(percentile(values, 0.9))})`
}

function ratio (ours: readonly number[] | undefined, theirs: readonly number[] | undefined): string {
  if (!ours?.length || !theirs?.length) return '—'
  const value = median(ours) / median(theirs)
  // A median of zero cannot be compared.
  return Number.isFinite(value) ? value.toFixed(value < 0.1 ? 3 : 2) : '—'
}

/** Rounds to three significant digits. */
function round (value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}
