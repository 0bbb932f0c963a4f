import { createHash } from 'node:crypto'
import type { Phrase } from '../../../errors/language.ts'
import { NOT_READY } from '../../../errors/phrases.ts'
import type { Log } from '../../log.ts'
import { createDeferred } from '../../deferred.ts'
import { readModels } from './models.ts'

/** One of the servers of `ENGINE_URL`. */
export interface Upstream {
  /** Its base, which ends in a slash. */
  readonly base: URL
  readonly ready: boolean
  /** The name by which it knows the model. */
  readonly model: string
  /** Requests of ours that it works on. */
  readonly inFlight: number
}

export interface Upstreams {
  readonly ready: boolean
  /** One was ready at some time. */
  readonly everReady: boolean
  /** Settles when one is ready for the first time; rejects when they are closed before. */
  readonly firstReady: Promise<void>
  /** Why none is ready, for people. */
  readonly reason: Phrase
  /** As requests name it: the one that is set, or the one that the first of them serves. Empty until one is known. */
  readonly model: string
  /**
   * Takes the ready one with the fewest requests in flight. Among equals a conversation finds the same one again, which may still hold its beginning.
   * @param conversation what stays the same over its turns
   * @param tried are left out
   * @returns null when there is none. Each that was taken is given back, once.
   */
  take (conversation: string, tried: ReadonlySet<Upstream>): Upstream | null
  giveBack (upstream: Upstream): void
  /** Something is odd about it: it is looked at now. */
  doubt (upstream: Upstream): void
  /** It could not be reached: left out until it answers again. */
  miss (upstream: Upstream, reason: string): void
  close (): void
}

export interface UpstreamsOptions {
  urls: readonly string[]
  apiKey: string
  /** Empty: the first that each one lists. */
  model: string
  log: Log
  /** Milliseconds between two looks at one that is ready, and for one look. */
  intervalMs?: number
  timeoutMs?: number
}

/** How often one that is ready is looked at. */
const CHECK_INTERVAL_MS = 10_000
const CHECK_TIMEOUT_MS = 10_000
/** First pause before one that is not ready is asked again; it doubles with each failure in a row. */
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 30_000

const CLOSING = new Error('The upstreams are closed')
const SILENT = new Error('it does not say in time which models it has')

interface Entry extends Upstream {
  ready: boolean
  model: string
  inFlight: number
  failures: number
  /** Of the next look at it, and what ends the one that is under way. */
  timer: NodeJS.Timeout | undefined
  look: AbortController | null
}

/** Several servers with one model, each of them looked at from time to time by `GET /v1/models`, which costs them nothing. */
export function createUpstreams (
  { urls, apiKey, model: wanted, log, intervalMs = CHECK_INTERVAL_MS, timeoutMs = CHECK_TIMEOUT_MS }: UpstreamsOptions
): Upstreams {
  const entries = urls.map((url): Entry =>
    ({ base: new URL(url), ready: false, model: wanted, inFlight: 0, failures: 0, timer: undefined, look: null }))
  const firstReady = createDeferred<void>()
  firstReady.promise.catch(() => {})
  let model = wanted
  let everReady = false
  let closed = false

  async function check (entry: Entry): Promise<void> {
    if (entry.look) return
    const look = new AbortController()
    entry.look = look
    const timer = setTimeout(() => look.abort(SILENT), timeoutMs)
    try {
      const name = await readModels({ url: new URL('models', entry.base), apiKey }, wanted, look.signal)
      entry.look = null
      if (!closed) found(entry, name)
    } catch (error) {
      entry.look = null
      if (closed) return
      // One that works hard may be slow to say so once.
      if (error === SILENT && entry.ready && entry.failures++ === 0) plan(entry, intervalMs)
      else miss(entry, (error as Error).message)
    } finally {
      clearTimeout(timer)
    }
  }

  function found (entry: Entry, name: string): void {
    const news = !entry.ready || entry.model !== name
    Object.assign(entry, { ready: true, model: name, failures: 0 })
    // One alone may change its model at any time: clients learn of it.
    if (model === '' || entries.length === 1) model = name
    if (news) log.info({ upstream: entry.base.href, model: name }, 'the upstream is ready')
    if (news && name !== model) {
      log.warn({ upstream: entry.base.href, model: name, expected: model }, 'the upstreams do not serve the same model')
    }
    everReady = true
    firstReady.resolve()
    plan(entry, intervalMs)
  }

  function miss (entry: Entry, why: string): void {
    const pauseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** entry.failures)
    // No more once the pauses have grown.
    if (pauseMs < BACKOFF_MAX_MS) {
      log.warn({ upstream: entry.base.href, reason: why, pauseMs }, 'the upstream is not ready')
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
    take (conversation, tried) {
      const candidates = entries.filter(entry => entry.ready && !tried.has(entry))
      const fewest = Math.min(...candidates.map(entry => entry.inFlight))
      const [chosen] = candidates.filter(entry => entry.inFlight === fewest).sort((a, b) =>
        compare(rank(b, conversation), rank(a, conversation)))
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
      for (const { timer, look } of entries) {
        clearTimeout(timer)
        look?.abort(CLOSING)
      }
    }
  }
}

/** Rendezvous hashing: when one goes or comes, only its own conversations move. */
function rank ({ base }: Upstream, conversation: string): string {
  return createHash('sha256').update(base.href).update('\0').update(conversation).digest('hex')
}

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0
