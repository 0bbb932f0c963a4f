import { EngineNotReadyError, ModelNotFoundError, withDetails } from '../errors/catalogue.ts'
import { NAME_MAX_SHOWN } from '../schemas/limits.ts'
import type { Engine, EngineInfo } from '../services/engine/engine.ts'

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
