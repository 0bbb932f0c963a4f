import type { Log } from '../../log.ts'

/** Log messages, each of which is written once for an upstream until it restarts. */
const WARNINGS = {
  refused: 'upstream refused fields about thinking',
  askedAgain: 'upstream asked again without thoughts',
  unwanted: 'upstream thinks although thinking is off',
  lowered: 'upstream allows fewer thought tokens',
  cannotThink: 'upstream refused to think',
  inText: 'upstream sends thoughts as text'
} as const

/**
 * How an upstream handles thoughts, learned from its answers. It is forgotten when the upstream restarts, because the
 * next start can have other options.
 */
export class UpstreamThinking {
  readonly #log: Log
  readonly #url: string
  readonly #written = new Set<keyof typeof WARNINGS>()
  readonly #refused = { on: new Set<string>(), off: new Set<string>() }

  /** Thoughts have arrived in a field of their own, so the text of this upstream contains none. */
  separates = false
  /** Thoughts have arrived although they were off. */
  alwaysThinks = false
  /** The upstream refuses requests that want thoughts. */
  cannotThink = false
  /** The largest budget of thoughts that the upstream allows. */
  maxTokens = Infinity

  constructor (log: Log, url: string) {
    this.#log = log
    this.#url = url
  }

  /**
   * Names of the fields that the upstream refuses.
   * @param wanted the request asks for thoughts: some servers refuse fields only then
   */
  refused (wanted: boolean): ReadonlySet<string> { return this.#refused[wanted ? 'on' : 'off'] }

  /** Records that the upstream accepts requests only without these fields. */
  refuses (wanted: boolean, fields: Iterable<string>): void {
    const thinking = wanted ? 'on' : 'off'
    const refused = this.#refused[thinking]
    for (const field of fields) refused.add(field)
    this.warn('refused', { thinking, fields: [...refused] })
  }

  /** Records the largest budget of thoughts that the upstream allows. */
  allowsAtMost (limit: number): void {
    this.maxTokens = limit
    this.warn('lowered', { limit, advice: 'raise MAX_THINKING_TOKENS of the server, or lower it here' })
  }

  /** Records that the upstream refuses requests that want thoughts. */
  refusesThoughts (): void {
    this.cannotThink = true
    this.warn('cannotThink', { advice: 'allow thoughts at the server, or set MAX_THINKING_TOKENS=0 here' })
  }

  warn (warning: keyof typeof WARNINGS, fields: object = {}): void {
    if (this.#written.has(warning)) return
    this.#written.add(warning)
    this.#log.warn({ upstream: this.#url, ...fields }, WARNINGS[warning])
  }
}
