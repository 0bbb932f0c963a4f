import type { Box, Point } from '../api/types.ts'
import type { Key, Values } from '../i18n/index.ts'
import { imagesOf, type Answer, type Conversation, type StoredImage, type Question } from './conversation.ts'
import { toDataUri } from './data-uri.ts'
import type { ExportOptions } from './export-json.ts'
import { hasThoughts, stoppedKey, thoughtFor } from './thoughts.ts'

export interface MarkdownWords {
  t (key: Key, values?: Values): string
  formatDate (at: number): string
  formatNumber (value: number, digits?: number): string
}

/** Exports a conversation as Markdown with embedded images. */
export async function toMarkdown (
  conversation: Conversation, words: MarkdownWords, { withThoughts, visibleBytesOf }: ExportOptions
): Promise<Blob> {
  const { t, formatDate } = words
  const parts: BlobPart[] =
    [`# ${inline(conversation.title || t('list.untitled'))}\n\n${formatDate(conversation.createdAt)}\n`]
  let number = 0
  for (const turn of conversation.turns) {
    if (turn.role === 'user') {
      parts.push(`\n## ${t('turn.you')}\n\n`)
      for (const image of turn.pictures) parts.push(...await imageToMarkdown(image, ++number))
      parts.push(`${turn.text}\n`)
    } else {
      parts.push(answerToMarkdown(turn, conversation, words, withThoughts))
    }
  }
  return new Blob(parts, { type: 'text/markdown' })

  async function imageToMarkdown (image: StoredImage, number: number): Promise<BlobPart[]> {
    const label = inline(t('image.named', { number, name: image.name }))
    const bytes = await visibleBytesOf(image)
    if (bytes === null) return [`*${label}: ${t('image.gone')}*\n\n`]
    const type = image.page ? bytes.type : image.type || bytes.type
    return [`![${label}](`, await toDataUri(bytes, type), ')\n\n']
  }
}

function answerToMarkdown (
  answer: Answer, { turns }: Conversation, words: MarkdownWords, withThoughts: boolean
): string {
  const { t } = words
  const { text, state, failure, done, format } = answer
  const question = turns[turns.findIndex(({ id }) => id === answer.id) - 1]
  const pieces = [
    `## ${t('turn.model')}`,
    withThoughts && thoughtsToMarkdown(answer, words),
    text === '' ? t('turn.empty') : format.type === 'text' ? text : fenced(text),
    state === 'stopped' && `*${t(stoppedKey(answer))}*`,
    (state === 'interrupted' || state === 'running') && `*${t('turn.interrupted')}*`,
    failure && `*${inline(failure.sentence || failure.code)}*`,
    done?.finish_reason === 'length' && `*${t('turn.cutOff')}*`,
    receiptsTable(answer, question?.role === 'user' ? question : null, imagesOf(turns), words),
    marksTable(answer, imagesOf(turns), words),
    done && t('details.model', { model: inline(done.model) })
  ]
  return `\n${pieces.filter(piece => typeof piece === 'string' && piece !== '').join('\n\n')}\n`
}

function thoughtsToMarkdown (answer: Answer, { t }: MarkdownWords): string {
  const { thoughts } = answer
  if (!thoughts || !hasThoughts(answer)) return ''
  const { key, values } = thoughtFor(thoughts)
  // A quotation ends with its lines; the end of an element could be a part of the thoughts.
  return `**${t(key, values)}**\n\n${thoughts.text.trim()}`.replace(/^/gm, '> ')
}

function receiptsTable (
  { receipts }: Answer, question: Question | null, all: readonly StoredImage[], { t, formatNumber }: MarkdownWords
): string {
  if (receipts.length === 0) return ''
  return table(
    [t('details.image'), t('details.original'), t('details.sent'), t('details.tokens'), t('details.cached')],
    receipts.map(({ id, original, sent, tokens, cached }, i) => {
      // The receipts of the question's images come first, then those of images that were sent again.
      const image = question?.pictures[i] ?? all.find(it => it.id === id)
      const number = image ? all.indexOf(image) + 1 : i + 1
      return [
        t('image.number', { number }), sizeOf(original), sizeOf(sent), formatNumber(tokens),
        cached ? t('details.yes') : t('details.no')
      ]
    })
  )
}

function marksTable ({ done }: Answer, all: readonly StoredImage[], { t, formatNumber }: MarkdownWords): string {
  const { boxes = [], points = [] } = done ?? {}
  if (boxes.length + points.length === 0) return ''
  // The service numbers only the images that were sent, and the same image may have been sent twice.
  const numberOf = (mark: Box | Point) =>
    (all[mark.image]?.id === mark.id ? mark.image : all.findIndex(({ id }) => id === mark.id)) + 1
  const image = (mark: Box | Point) => t('image.number', { number: numberOf(mark) || mark.image + 1 })
  const place = (numbers: readonly number[]) => numbers.map(it => formatNumber(it, 1)).join(' · ')
  return table([t('boxes.title'), t('details.image'), 'x · y'], [
    ...boxes.map((box, i) => [box.label || t('boxes.box', { number: i + 1 }), image(box), place(box.box)]),
    ...points.map((point, i) =>
      [point.label || t('boxes.point', { number: i + 1 }), image(point), place(point.point)])
  ])
}

function table (head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(inline).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Encloses text in a code fence that is longer than any run of backticks in it. */
function fenced (text: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}json\n${text}\n${fence}`
}

/** Escapes Markdown, so that names and labels appear as they are. */
function inline (text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>|#]/g, '\\$&')
}

function sizeOf ({ width, height }: { width: number, height: number }): string {
  return `${width} × ${height}`
}
