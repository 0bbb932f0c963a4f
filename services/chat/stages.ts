import type { EngineEvent } from '../engine/engine.ts'
import type { Stage } from './answer.ts'

/** A stage, its begin and its end on the clock of `performance.now()`, and whether it did not come to its end. */
export type TellStage = (stage: Stage, startedAt: number, endedAt: number, isCutOff: boolean) => void

/**
 * Hands an engine's events on and tells the stages that they show: encoding until every image's embedding is there (what of the prompt is evaluated in
 * between is part of it), prefill until the first token, decoding until the end.
 * @param first where the engine begins
 * @throws whatever `events` throws
 */
export async function * followStages (
  events: AsyncIterable<EngineEvent>, first: 'encode' | 'prefill', tell: TellStage
): AsyncGenerator<EngineEvent> {
  let stage = first as Stage | null
  let since = performance.now()

  function go (next: Stage | null, isCutOff = false): void {
    if (stage === null) return
    const now = performance.now()
    tell(stage, since, now, isCutOff)
    stage = next
    since = now
  }

  try {
    for await (const event of events) {
      if (event.type === 'done') go(null)
      else if (event.type === 'token' && stage !== 'decode') go('decode')
      else if (event.type === 'progress' &&
        stage === 'encode' &&
        event.stage === 'encode' &&
        event.done === event.total) go('prefill')
      yield event
    }
  } finally {
    go(null, true)
  }
}
