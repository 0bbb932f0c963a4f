/**
 * The thread that converts JSON schemas to grammars. A conversion takes up to a tenth of a second, and would block the
 * thread that serves HTTP. This thread receives one `GrammarJob` at a time and answers each with a `GrammarOutcome`.
 */
import { parentPort } from 'node:worker_threads'
import { UnsupportedSchemaError } from '../../errors/catalogue.ts'
import type { ToolSyntax } from '../engine/engine.ts'
import { createCallGrammar } from './call-grammar.ts'
import type { OfferedTool } from './request.ts'
import { grammarOfSchema } from './schema-grammar/index.ts'

export type GrammarJob =
  | { type: 'schema', schema: unknown }
  | { type: 'call', tools: OfferedTool[], syntax: ToolSyntax, singleCall: boolean }

type RefusalArguments = ConstructorParameters<typeof UnsupportedSchemaError>

export type GrammarOutcome =
  | { grammar: string }
  /** Arguments and details of an UnsupportedSchemaError, which cannot be posted itself. */
  | { refusal: RefusalArguments, details: Record<string, unknown> }
  /** The stack of any other error. */
  | { failure: string }

parentPort!.on('message', (job: GrammarJob) => parentPort!.postMessage(outcomeOf(job)))

function outcomeOf (job: GrammarJob): GrammarOutcome {
  try {
    return { grammar: grammarOf(job) }
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) {
      return { refusal: error.args as RefusalArguments, details: error.details }
    }
    return { failure: error instanceof Error ? error.stack ?? error.message : String(error) }
  }
}

function grammarOf (job: GrammarJob): string {
  return job.type === 'schema' ? grammarOfSchema(job.schema) : createCallGrammar(job.tools, job.syntax, job.singleCall)
}
