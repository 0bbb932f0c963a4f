import { EnvironmentSchema, type About } from '../../config/schema.ts'

type Setting = About & {
  description: string
  default?: string | number
  minimum?: number
  maximum?: number
  enum?: string[]
  anyOf?: Setting[]
  const?: string
}
const SETTINGS = Object.entries(EnvironmentSchema.properties as unknown as Record<string, Setting>)

const BEGIN = '<!-- configuration: written by `npm run docs:configuration` from config/schema.ts -->'
const END = '<!-- /configuration -->'
/** Columns of a line in .env.example. */
const WIDTH = 100

/** The table of all settings in docs/operations.md. */
export function configurationTable (): string {
  const rows = SETTINGS.map(([name, setting]) =>
    `| \`${name}\` | ${defaultOf(setting)} | ${valuesOf(setting)} | ${setting.description}${linkTo(setting.section)} |`)
  return ['| variable | default | values | what it does |', '|---|---|---|---|', ...rows].join('\n')
}

/**
 * Replaces the table between the two markers of a document.
 * @throws Error when a marker is missing
 */
export function withConfigurationTable (document: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`the document must contain ${BEGIN} and ${END}`)
  return `${document.slice(0, begin)}${BEGIN}\n\n${configurationTable()}\n\n${document.slice(end)}`
}

/** The content of .env.example. */
export function exampleEnvironment (): string {
  const head =
    'Settings of Sightline. Copy this file to `.env` and remove the `#` before the settings that you change. ' +
    'Environment variables take precedence over the file. Each line shows the default. Written by ' +
    '`npm run docs:configuration`.'
  const entries = SETTINGS.map(([name, setting]) => {
    const sentences = [
      setting.description, valuesOf(setting) && `Allowed: ${valuesOf(setting)}.`,
      setting.empty && `Empty: ${setting.empty}.`
    ]
    return `${comment(plain(sentences.filter(Boolean).join(' ')))}\n#${name}=${setting.default ?? ''}\n`
  })
  return [`${comment(head)}\n`, ...entries].join('\n')
}

function defaultOf ({ default: value, empty }: Setting): string {
  return value === undefined || value === '' ? empty ?? '' : `\`${value}\``
}

/** The allowed values of a setting: words, a form, or a range with its unit. */
function valuesOf ({ enum: words, anyOf, const: word, form, minimum, maximum, unit }: Setting): string {
  if (anyOf) return anyOf.map(valuesOf).join(', or ')
  if (words) return words.map(it => `\`${it}\``).join(', ')
  if (word) return `\`${word}\``
  if (minimum === undefined || maximum === undefined) return form ?? ''
  return [`${figure(minimum)} to ${figure(maximum)}`, unit].filter(Boolean).join(' ')
}

const figure = (value: number) => value >= 10_000 ? value.toLocaleString('en-US') : String(value)

function linkTo (section: string | undefined): string {
  return section === undefined ? '' : ` ([more](#${anchorOf(section)}))`
}

/** GitHub's anchor of a heading. */
export function anchorOf (heading: string): string {
  return heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-')
}

const plain = (markdown: string) => markdown.replaceAll('`', '')

/** Formats a text as lines with `#`, broken between words. */
function comment (text: string): string {
  const lines = ['#']
  for (const word of text.split(' ')) {
    if (lines.at(-1)!.length + word.length >= WIDTH) lines.push('#')
    lines[lines.length - 1] += ` ${word}`
  }
  return lines.join('\n')
}
