import { Worker } from 'node:worker_threads'
import { UnsupportedSchemaError, withDetails } from '../../errors/catalogue.ts'
import { createDeferred, type Deferred } from '../deferred.ts'
import type { ToolSyntax } from '../engine/engine.ts'
import { createGate } from '../gate.ts'
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
/** A conversion takes some tens of megabytes. */
const MEMORY_LIMIT_MB = 512
const TOO_LARGE = { en: 'takes too much memory to convert', zh: '转换占用内存过多' }
const CLOSED = new Error('The service is closed')

const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const THREAD = programOf(new URL(`./grammar-thread${EXTENSION}`, import.meta.url))

/** @param thread the program of the thread, which tests replace */
export function createGrammars ({ thread = THREAD, timeLimitMs = TIME_LIMIT_MS } = {}): Grammars {
  // The thread takes one conversion at a time. A request that leaves meanwhile does not wait for its end; the next request does.
  const gate = createGate(1)
  let running: Deferred<GrammarOutcome> | null = null
  let worker: Worker | null = null
  let isClosed = false

  function start (): Worker {
    // Whatever else this process was started with is not for the thread.
    const started = new Worker(thread, { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: MEMORY_LIMIT_MB } })
    // An idle thread must not keep the process alive.
    started.unref()
    let outcome: GrammarOutcome = { failure: 'it ended' }
    started.on('error', (error: NodeJS.ErrnoException) => {
      const isFull = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      outcome = isFull
        ? { refusal: ['schema', '#', TOO_LARGE], details: {} }
        : { failure: error.stack ?? error.message }
    })
    started.on('message', (outcome: GrammarOutcome) => { if (worker === started) running?.resolve(outcome) })
    started.on('exit', () => {
      if (worker !== started) return
      worker = null
      running?.resolve(outcome)
    })
    return started
  }

  async function convert (job: GrammarJob): Promise<string> {
    if (isClosed) throw CLOSED
    const outcome = createDeferred<GrammarOutcome>()
    running = outcome
    worker ??= start()
    worker.postMessage(job)
    const timer = setTimeout(() => {
      const stuck = worker
      worker = null
      void stuck?.terminate()
      outcome.resolve({ refusal: ['schema', '#', TOO_LONG], details: {} })
    }, timeLimitMs)
    try {
      return grammarOf(await outcome.promise)
    } finally {
      clearTimeout(timer)
      running = null
    }
  }

  return {
    async of (constraint, syntax, signal) {
      signal.throwIfAborted()
      const job = jobOf(constraint, syntax)
      return job === null ? JSON_OBJECT_GRAMMAR : await gate.run(() => convert(job), signal)
    },

    async close () {
      isClosed = true
      running?.reject(CLOSED)
      await worker?.terminate()
    }
  }
}

/** A thread's program; from the sources it is run by what runs TypeScript, which a thread does not inherit. */
function programOf (file: URL): URL {
  if (EXTENSION !== '.ts') return file
  const loader = import.meta.resolve('tsx/esm/api')
  const code =
    `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(file.href)})`
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

/** @throws UnsupportedSchemaError, Error of the thread */
function grammarOf (outcome: GrammarOutcome): string {
  if ('grammar' in outcome) return outcome.grammar
  if ('refusal' in outcome) throw withDetails(new UnsupportedSchemaError(...outcome.refusal), outcome.details)
  throw new Error(`The grammar thread failed: ${outcome.failure}`)
}
