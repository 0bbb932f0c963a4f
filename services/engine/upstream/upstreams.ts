import { createHash } from 'node:crypto'
import type { Phrase } from '../../../errors/language.ts'
import { NOT_READY } from '../../../errors/phrases.ts'
import type { Log } from '../../log.ts'
import { createDeferred } from '../../deferred.ts'
import { readModels, type UpstreamModel } from './models.ts'
import { UpstreamThinking } from './upstream-thinking.ts'

/** One of the servers of `ENGINE_URL`. */
export interface Upstream {
  /** Base URL, which ends in a slash. */
  readonly base: URL
  readonly ready: boolean
  /** The name of the model on this server. */
  readonly model: string
  /** True if the server is another Sightline. */
  readonly sightline: boolean
  /** Number of our running requests. */
  readonly inFlight: number
  readonly thinking: UpstreamThinking
}

export interface Upstreams {
  /** True while at least one upstream is ready. */
  readonly ready: boolean
  /** True after one upstream was ready. */
  readonly everReady: boolean
  /** Settles when an upstream is ready for the first time. Rejects if `close` is called before. */
  readonly firstReady: Promise<void>
  /** The reason why no upstream is ready, for clients. */
  readonly reason: Phrase
  /** The model: the configured one, or the one of the first ready upstream. Empty until it is known. */
  readonly model: string
  /**
   * Takes the ready upstream with the fewest running requests. Among equals, a conversation gets the same upstream
   * again, because the KV cache there can still contain its beginning. The caller must return the upstream with
   * `giveBack`, once.
   * @param conversation identifies the conversation, the same for all of its turns
   * @param tried upstreams to exclude
   * @param preferred the upstream to take if it is ready
   * @returns null if no upstream is left
   */
  take (conversation: string, tried: ReadonlySet<Upstream>, preferred?: Upstream): Upstream | null
  giveBack (upstream: Upstream): void
  /** Checks an upstream at once, because a request failed. */
  doubt (upstream: Upstream): void
  /** Reports that an upstream is unreachable. It is not used until a check succeeds. */
  miss (upstream: Upstream, reason: string): void
  close (): void
}

export interface UpstreamsOptions {
  urls: readonly string[]
  apiKey: string
  /** Empty to use the first model that each upstream lists. */
  model: string
  log: Log
  /** Milliseconds between two checks of a ready upstream. */
  intervalMs?: number
  /** Milliseconds that one check may take. */
  timeoutMs?: number
}

const CHECK_INTERVAL_MS = 10_000
const CHECK_TIMEOUT_MS = 10_000
/** First pause before a failed upstream is checked again. It doubles with each further failure. */
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 30_000

const CLOSING = new Error('The upstreams are closed')
const SILENT = new Error('it did not return its list of models in time')

interface Entry extends Upstream {
  ready: boolean
  model: string
  sightline: boolean
  inFlight: number
  thinking: UpstreamThinking
  failures: number
  /** Starts the next check. */
  timer: NodeJS.Timeout | undefined
  /** Aborts the running check. */
  checking: AbortController | null
}

/** Creates a pool of servers with the same model. `GET /v1/models`, which is cheap, checks each of them regularly. */
export function createUpstreams (
  { urls, apiKey, model: wanted, log, intervalMs = CHECK_INTERVAL_MS, timeoutMs = CHECK_TIMEOUT_MS }: UpstreamsOptions
): Upstreams {
  const entries = urls.map((url): Entry => ({
    base: new URL(url),
    ready: false,
    model: wanted,
    sightline: false,
    inFlight: 0,
    thinking: new UpstreamThinking(log, url),
    failures: 0,
    timer: undefined,
    checking: null
  }))
  const firstReady = createDeferred<void>()
  firstReady.promise.catch(() => {})
  let model = wanted
  let everReady = false
  let closed = false

  async function check (entry: Entry): Promise<void> {
    if (entry.checking) return
    const checking = new AbortController()
    entry.checking = checking
    const timer = setTimeout(() => checking.abort(SILENT), timeoutMs)
    try {
      const found = await readModels({ url: new URL('models', entry.base), apiKey }, wanted, checking.signal)
      entry.checking = null
      if (!closed) use(entry, found)
    } catch (error) {
      entry.checking = null
      if (closed) return
      // Tolerate one timeout: a ready upstream under load can be slow.
      if (error === SILENT && entry.ready && entry.failures++ === 0) plan(entry, intervalMs)
      else miss(entry, (error as Error).message)
    } finally {
      clearTimeout(timer)
    }
  }

  function use (entry: Entry, { name, sightline }: UpstreamModel): void {
    const changed = !entry.ready || entry.model !== name || entry.sightline !== sightline
    Object.assign(entry, { ready: true, model: name, sightline, failures: 0 })
    if (changed) entry.thinking = new UpstreamThinking(log, entry.base.href)
    // A single upstream can change its model at any time, and clients see the new name.
    if (model === '' || entries.length === 1) model = name
    if (changed) log.info({ upstream: entry.base.href, model: name }, 'upstream ready')
    if (changed && name !== model) {
      log.warn({ upstream: entry.base.href, model: name, expected: model }, 'upstreams serve different models')
    }
    everReady = true
    firstReady.resolve()
    plan(entry, intervalMs)
  }

  function miss (entry: Entry, why: string): void {
    const pauseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** entry.failures)
    // An upstream that stays away is logged only until the pause reaches its maximum.
    if (pauseMs < BACKOFF_MAX_MS) {
      log.warn({ upstream: entry.base.href, reason: why, pauseMs }, 'upstream not ready')
    }
    entry.failures++
    entry.ready = false
    plan(entry, pauseMs)
  }

  function plan (entry: Entry, ms: number): void {
    clearTimeout(entry.timer)
    if (closed) return
    entry.timer = setTimeout(check, ms, entry).unref()
  }

  for (const entry of entries) void check(entry)
  return {
    firstReady: firstReady.promise,
    get ready () { return entries.some(entry => entry.ready) },
    get everReady () { return everReady },
    get reason () { return everReady ? NOT_READY.unreachable : NOT_READY.noAnswerYet },
    get model () { return model },
    take (conversation, tried, preferred) {
      const candidates = entries.filter(entry => entry.ready && !tried.has(entry))
      const fewest = Math.min(...candidates.map(entry => entry.inFlight))
      const [first] = candidates.filter(entry => entry.inFlight === fewest).sort((a, b) =>
        compare(rank(b, conversation), rank(a, conversation)))
      const chosen = candidates.find(entry => entry === preferred) ?? first
      if (!chosen) return null
      chosen.inFlight++
      return chosen
    },
    giveBack (upstream) { (upstream as Entry).inFlight-- },
    doubt (upstream) { if (upstream.ready) plan(upstream as Entry, 0) },
    miss (upstream, why) { if (upstream.ready && !closed) miss(upstream as Entry, why) },
    close () {
      closed = true
      firstReady.reject(CLOSING)
      for (const { timer, checking } of entries) {
        clearTimeout(timer)
        checking?.abort(CLOSING)
      }
    }
  }
}

/** Rendezvous hashing: if an upstream is added or removed, only its own conversations move. */
function rank ({ base }: Upstream, conversation: string): string {
  return createHash('sha256').update(base.href).update('\0').update(conversation).digest('hex')
}

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0
