import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Receipt } from '../../schemas/image.ts'
import type { Report } from './report.ts'
import type { ExampleResult, TurnResult } from './run-example.ts'
import { percent, type TaskSummary } from './summary.ts'

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
table { border-collapse: collapse }
td, th { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top }
td.number { text-align: right }
article { border-left: 4px solid #2a7; padding-left: 1rem; margin: 1.5rem 0 }
article.wrong { border-color: #c33 }
h2 { font-size: 1rem }
pre { white-space: pre-wrap; margin: 0 }
svg { max-height: 16rem; max-width: 100%; margin-right: .5rem }
small { opacity: .7 }
rect { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke }
.expected { stroke: #2a7; stroke-dasharray: 6 }
.found { stroke: #c33 }
`

/**
 * Renders a report as one page without scripts. Expected boxes are drawn dashed over the images, found ones solid.
 * @param dir folder of the page, from which it links to the images
 */
export function renderHtml (report: Report, dir: string): string {
  const { model, limits, sampling, concurrency } = report.setup
  const setup = { ...model, ...limits, ...sampling, concurrency }
  const title = `${model.name}: ${report.all.right}/${report.all.total}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)}</title><style>${STYLE}</style></head><body>
<h1>${escape(model.name)}</h1>
<p>${escape(report.folder)}, ${escape(report.date)}, ${report.seconds} s</p>
<table><tr><th>task<th>right<th>%<th>95 % interval<th>median ms</tr>
${[...report.tasks, report.all].map(row).join('\n')}
</table>
<details><summary>settings</summary><pre>${escape(JSON.stringify(setup, null, 2))}</pre></details>
${report.examples.map(example => article(example, report.folder, dir)).join('\n')}
</body></html>
`
}

function row ({ task, right, total, share, low, high, median_ms: ms }: TaskSummary): string {
  const cells =
    [`${right}/${total}`, percent(share), `${percent(low)} to ${percent(high)}`, ms === null ? '-' : ms.toFixed(0)]
  return `<tr><td>${escape(task)}${cells.map(cell => `<td class="number">${cell}`).join('')}</tr>`
}

function article (example: ExampleResult, folder: string, dir: string): string {
  const { id, task, language, right, turns } = example
  const sentBefore =
    turns.map((_, index) => turns.slice(0, index).reduce((sum, { pictures }) => sum + pictures.length, 0))
  const head = right ? '<article><h2>right' : '<article class="wrong"><h2>wrong'
  return `${head}: ${escape(id)} <small>${escape([task, language].filter(Boolean).join(', '))}</small></h2>
${turns.map((turn, index) => section(turn, turns, sentBefore[index]!, folder, dir)).join('\n')}</article>`
}

/** @param first index of the turn's first image among the images of the example */
function section (turn: TurnResult, turns: TurnResult[], first: number, folder: string, dir: string): string {
  const { message, pictures, expect, answer, verdict, error } = turn
  const drawn = pictures.map((picture, index) => {
    const receipt = answer?.images[index]
    return receipt ? drawImage(picture, receipt, turns, first + index, folder, dir) : ''
  })
  const rows: Array<[string, string]> = [['question', message]]
  if (expect) rows.push(['expected', JSON.stringify(expect)])
  if (answer) rows.push(['answer', answer.response])
  if (error) rows.push(['refused', error])
  if (verdict?.why) rows.push(['why', verdict.why])
  if (verdict?.ious) rows.push(['IoU', verdict.ious.map(iou => iou.toFixed(2)).join(', ')])
  if (answer) {
    const { timings: { encode_ms: encode, prefill_ms: prefill, decode_ms: decode, total_ms: total }, usage, images } =
      answer
    const steps = Object.entries({ encode, prefill, decode }).map(([name, ms]) => `${name} ${ms.toFixed(0)}`).join(', ')
    rows.push(['time', `${total.toFixed(0)} ms: ${steps}; ${usage.completion_tokens} tokens`])
    for (const [index, receipt] of images.entries()) {
      rows.push(['image', `${pictures[index] ?? 'sent again'}: ${describeReceipt(receipt)}`])
    }
  }
  const cells = rows.map(([name, text]) => `<tr><th>${name}<td><pre>${escape(text)}</pre></tr>`).join('')
  return `<div>${drawn.join('')}</div><table>${cells}</table>`
}

function describeReceipt ({ original, sent, tokens, scaled }: Receipt): string {
  const note = scaled ? ', scaled down to fit the context' : ''
  return `${original.width} × ${original.height} as ${sent.width} × ${sent.height}, ${tokens} tokens${note}`
}

/** Draws an image with all boxes that any turn expected or found in it. */
function drawImage (
  file: string, { original: { width, height } }: Receipt, turns: TurnResult[], image: number, folder: string,
  dir: string
): string {
  const expected = turns.flatMap(({ expect }) => expect?.boxes ?? []).filter(({ picture = 1 }) => picture - 1 === image)
  const found = turns.flatMap(({ answer }) => answer?.boxes ?? []).filter(box => box.image === image)
  const rects = [...expected.map(({ box }) => rect('expected', box)), ...found.map(({ box }) => rect('found', box))]
  const size = `width="${width}" height="${height}"`
  const href = escape(link(path.resolve(folder, file), dir))
  return `<svg viewBox="0 0 ${width} ${height}" ${size}><image href="${href}" ${size}/>${rects.join('')}</svg>`
}

function rect (name: string, box: number[]): string {
  const [x1, y1, x2, y2] = box as [number, number, number, number]
  return `<rect class="${name}" x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}"/>`
}

/** A relative link if possible, so that page and images can be moved together. */
function link (file: string, dir: string): string {
  const relative = path.relative(dir, file)
  return path.isAbsolute(relative)
    ? pathToFileURL(file).href
    : relative.split(path.sep).map(encodeURIComponent).join('/')
}

function escape (text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
