import { Worker } from 'node:worker_threads'
import { UnsupportedSchemaError, withDetails } from '../../errors/catalogue.ts'
import { createDeferred, type Deferred } from '../deferred.ts'
import type { ToolSyntax } from '../engine/engine.ts'
import { createGate } from '../gate.ts'
import { threadProgram } from '../thread-program.ts'
import type { GrammarJob, GrammarOutcome } from './grammar-thread.ts'
import type { Constraint } from './request.ts'
import { SCHEMA_FAULTS } from './schema-grammar/faults.ts'
import { JSON_OBJECT_GRAMMAR } from './schema-grammar/index.ts'

/** Converts constraints to grammars, on a separate thread, one at a time. */
export interface Grammars {
  /**
   * @param syntax how the loaded model writes tool calls; required for a constraint of type `call`
   * @returns GBNF with a rule `root`
   * @throws UnsupportedSchemaError for a schema that cannot be enforced; the reason of `signal`, at once
   */
  of (constraint: Constraint, syntax: ToolSyntax | null, signal: AbortSignal): Promise<string>
  /** Ends the thread and rejects pending conversions. */
  close (): Promise<void>
}

/** A conversion takes about 1 % of this, and the start of the thread on a busy machine about 10 %. */
const TIME_LIMIT_MS = 10_000
/** A conversion takes tens of megabytes. */
const MEMORY_LIMIT_MB = 512
const CLOSED = new Error('The service is closed')

const THREAD = threadProgram('./grammar-thread', import.meta.url)

/** @param thread URL of the thread's program; tests replace it */
export function createGrammars ({ thread = THREAD, timeLimitMs = TIME_LIMIT_MS } = {}): Grammars {
  // The thread runs one conversion at a time. An aborted request does not wait for its running conversion; the next
  // request does.
  const gate = createGate(1)
  let running: Deferred<GrammarOutcome> | null = null
  let worker: Worker | null = null
  let isClosed = false

  function start (): Worker {
    // The options with which this process was started do not apply to the thread.
    const started = new Worker(thread, { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: MEMORY_LIMIT_MB } })
    // An idle thread must not keep the process alive. Node ignores this before the thread runs.
    started.on('online', () => started.unref())
    let outcome: GrammarOutcome = { failure: 'it ended' }
    started.on('error', (error: NodeJS.ErrnoException) => {
      const isFull = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      outcome = isFull
        ? { refusal: ['schema', '#', SCHEMA_FAULTS.tooMuchMemory], details: {} }
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
      outcome.resolve({ refusal: ['schema', '#', SCHEMA_FAULTS.tooSlow], details: {} })
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

/** Returns null when the answer may be any JSON object, whose grammar is constant. */
function jobOf (constraint: Constraint, syntax: ToolSyntax | null): GrammarJob | null {
  if (constraint.type === 'call') {
    if (syntax === null) throw new Error('A model without tools cannot be made to call one')
    return { type: 'call', tools: constraint.tools, syntax, singleCall: constraint.singleCall }
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
