import { compilePattern } from './compile-pattern.ts'
import type { Automaton } from './automaton.ts'

const LEAP_YEAR = '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)'
const LONG_MONTH = '(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])'
const SHORT_MONTH = '(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)'
const FEBRUARY = '02-(?:0[1-9]|1\\d|2[0-8])'
const DATE = `(?:\\d{4}-(?:${LONG_MONTH}|${SHORT_MONTH}|${FEBRUARY})|${LEAP_YEAR}-02-29)`
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)'
const TIME_SPAN = 'T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S)'
const DATE_SPAN = '(?:\\d{1,4}Y(?:\\d{1,4}M(?:\\d{1,4}D)?)?|\\d{1,4}M(?:\\d{1,4}D)?|\\d{1,4}D)'
const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
// Four labels of 24 characters stay below the limits: 253 characters for a host name, 63 for a label.
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,22}[A-Za-z0-9])?'
const DOMAIN = '[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)'
const URI_CHARACTER = "[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}"
const URI_PATH = `(?:/(?:${URI_CHARACTER})*)*`
const URI_TAIL = `(?:${URI_CHARACTER}|[/?])*`
const NAME = '[A-Za-z0-9_+]+'

/**
 * Patterns of the strings that are written for a format. Every string of a pattern is valid. `date` and `ipv4` are
 * complete; the others leave out unusual strings: leap seconds, URIs that are not web addresses, abbreviated `ipv6`.
 */
const PATTERNS: Record<string, string> = {
  date: `^${DATE}$`,
  time: `^${TIME}$`,
  'date-time': `^${DATE}T${TIME}$`,
  duration: `^P(?:${DATE_SPAN}(?:${TIME_SPAN})?|${TIME_SPAN}|\\d{1,4}W)$`,
  uuid: '^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
  email: `^${NAME}(?:[.-]${NAME})*@${DOMAIN}+$`,
  hostname: `^${LABEL}(?:\\.${LABEL}){0,3}$`,
  ipv4: `^${BYTE}(?:\\.${BYTE}){3}$`,
  ipv6: '^[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}$',
  uri: `^https?://${DOMAIN}*(?::[1-9]\\d{0,3})?${URI_PATH}(?:\\?${URI_TAIL})?(?:#${URI_TAIL})?$`
}

const compiled = new Map<string, Automaton>()

/**
 * Patterns that zod writes next to a format and that no automaton can express, or only a large one. Every string that
 * is written for the format matches.
 */
const IMPLIED: Record<string, string[]> = {
  duration: [
    '^P(?:(\\d+W)|(?!.*W)(?=\\d|T\\d)(\\d+Y)?(\\d+M)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+([.,]\\d+)?S)?)?)$'
  ],
  hostname: [
    '^(?=.{1,253}\\.?$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?' +
      '(?:\\.[a-zA-Z0-9](?:[-0-9a-zA-Z]{0,61}[0-9a-zA-Z])?)*\\.?$'
  ]
}

/** Returns whether every string that is written for a format matches a pattern. */
export function impliesPattern (format: string, pattern: string): boolean {
  return Object.hasOwn(IMPLIED, format) && IMPLIED[format]!.includes(pattern)
}

/** Returns the strings of a format; null for a format of numbers and for an unknown one. */
export function formatAutomaton (format: string): Automaton | null {
  if (!Object.hasOwn(PATTERNS, format)) return null
  const automaton = compiled.get(format) ?? compilePattern(PATTERNS[format]!)
  compiled.set(format, automaton)
  return automaton
}

/** The number formats of OpenAPI and their bounds. */
export const NUMBER_FORMATS = new Map<string, { whole?: boolean, min?: number, max?: number }>([
  ['int32', { whole: true, min: -(2 ** 31), max: 2 ** 31 - 1 }],
  ['int64', { whole: true }],
  ['float', {}],
  ['double', {}]
])
