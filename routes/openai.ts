import type { FastifyRequest } from 'fastify'
import { EngineNotReadyError, ModelNotFoundError, withDetails, type SightlineError } from '../errors/catalogue.ts'
import { sentenceFor } from '../plugins/errors.ts'
import { NAME_MAX_SHOWN } from '../schemas/limits.ts'
import type { Engine, EngineInfo } from '../services/engine/engine.ts'
import { toOpenAiError } from '../services/openai/error.ts'

/** Shapes an error for clients of the OpenAI API. */
export function toOpenAiErrorBody (error: SightlineError, request: FastifyRequest): object {
  return toOpenAiError(error, sentenceFor(error, request), request.id)
}

/** @throws EngineNotReadyError */
export function loadedModel (engine: Engine): EngineInfo {
  const info = engine.info()
  if (info.state !== 'ready') throw new EngineNotReadyError(info.reason)
  return info
}

/** @throws ModelNotFoundError if a client asks for a model that is not loaded */
export function assertModel (asked: string, loaded: string): void {
  if (asked === loaded) return
  throw withDetails(new ModelNotFoundError(asked.slice(0, NAME_MAX_SHOWN), loaded), { field: 'model' })
}
