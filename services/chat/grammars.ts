import { Worker } from 'node:worker_threads'
import { UnsupportedSchemaError, withDetails } from '../../errors.ts'
import { createDeferred, type Deferred } from '../deferred.ts'
import type { ToolSyntax } from '../engine/engine.ts'
import type { GrammarJob, GrammarOutcome } from './grammar-thread.ts'
import type { Constraint } from './request.ts'
import { JSON_OBJECT_GRAMMAR } from './schema-grammar/index.ts'

/** Makes the grammars that answers have to obey, on a thread of their own, one after the other. */
export interface Grammars {
  /**
   * @param syntax how the loaded model writes tool calls; needed where the answer has to be one
   * @returns GBNF with a rule `root`
   * @throws UnsupportedSchemaError for a schema that cannot be enforced; the reason of `signal`, at once
   */
  of (constraint: Constraint, syntax: ToolSyntax | null, signal: AbortSignal): Promise<string>
  /** Ends the thread, and what waits for it. */
  close (): Promise<void>
}

/** A safety net: the budget of a request takes a hundredth of it, and the start of the thread on a busy machine a tenth. */
const TIME_LIMIT_MS = 10_000
const TOO_LONG = { en: 'takes too long to convert', zh: '转换耗时过长' }
const CLOSED = new Error('The service is closed')

const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const THREAD = programOf(new URL(`./grammar-thread${EXTENSION}`, import.meta.url))

interface Waiting extends Deferred<string> { job: GrammarJob }

/** @param thread the program of the thread, which tests replace */
export function createGrammars ({ thread = THREAD, timeLimitMs = TIME_LIMIT_MS } = {}): Grammars {
  const queue = new Set<Waiting>()
  let running: Waiting | null = null
  let timer: NodeJS.Timeout | undefined
  let worker: Worker | null = null
  let isClosed = false

  function start (): Worker {
    // Whatever else this process was started with is not for the thread.
    const started = new Worker(thread, { execArgv: [] })
    // An idle thread must not keep the process alive.
    started.unref()
    let failure = 'it ended'
    started.on('error', error => { failure = error.stack ?? error.message })
    started.on('message', (outcome: GrammarOutcome) => { if (worker === started) settle(outcome) })
    started.on('exit', () => {
      if (worker !== started) return
      worker = null
      settle({ failure })
    })
    return started
  }

  function next (): void {
    const [first] = queue
    if (running !== null || first === undefined) return
    queue.delete(first)
    running = first
    worker ??= start()
    worker.postMessage(first.job)
    timer = setTimeout(giveUp, timeLimitMs)
  }

  function giveUp (): void {
    const stuck = worker
    worker = null
    void stuck?.terminate()
    settle({ refusal: ['schema', '#', TOO_LONG], details: {} })
  }

  function settle (outcome: GrammarOutcome): void {
    clearTimeout(timer)
    const settled = running
    running = null
    if (settled) resolve(settled, outcome)
    next()
  }

  return {
    async of (constraint, syntax, signal) {
      signal.throwIfAborted()
      const job = jobOf(constraint, syntax)
      if (job === null) return JSON_OBJECT_GRAMMAR
      if (isClosed) throw CLOSED
      const waiting: Waiting = { ...createDeferred<string>(), job }
      // A conversion that runs already goes on to its end, which is near.
      const leave = () => {
        queue.delete(waiting)
        waiting.reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      queue.add(waiting)
      next()
      try {
        return await waiting.promise
      } finally {
        signal.removeEventListener('abort', leave)
      }
    },

    async close () {
      isClosed = true
      clearTimeout(timer)
      for (const waiting of queue) waiting.reject(CLOSED)
      queue.clear()
      running?.reject(CLOSED)
      running = null
      await worker?.terminate()
    }
  }
}

/** A thread's program; from the sources it is run by what runs TypeScript, which a thread does not inherit. */
function programOf (file: URL): URL {
  if (EXTENSION !== '.ts') return file
  const loader = import.meta.resolve('tsx/esm/api')
  const code = `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(file.href)})`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}

/** Null where the answer may be any JSON object, whose grammar is always the same. */
function jobOf (constraint: Constraint, syntax: ToolSyntax | null): GrammarJob | null {
  if (constraint.type === 'call') {
    if (syntax === null) throw new Error('A model without tools cannot be made to call one')
    return { type: 'call', tools: constraint.tools, syntax }
  }
  const { format } = constraint
  return format.type === 'json_object' ? null : { type: 'schema', schema: format.json_schema.schema }
}

function resolve ({ resolve, reject }: Waiting, outcome: GrammarOutcome): void {
  if ('grammar' in outcome) resolve(outcome.grammar)
  else if ('refusal' in outcome) reject(withDetails(new UnsupportedSchemaError(...outcome.refusal), outcome.details))
  else reject(new Error(`The grammar thread failed: ${outcome.failure}`))
}
