import type { EngineEvent } from '../engine/engine.ts'
import type { Stage } from './answer.ts'

/** A stage, its begin and its end on the clock of `performance.now()`, and whether it did not come to its end. */
export type TellStage = (stage: Stage, startedAt: number, endedAt: number, isCutOff: boolean) => void

/**
 * Hands an engine's events on and tells the stages that they show. Encoding lasts until the last picture is encoded (what of the prompt is evaluated in
 * between is part of it), prefill until the first token. An engine that tells of no progress has no encoding.
 * @throws whatever `events` throws
 */
export async function * followStages (events: AsyncIterable<EngineEvent>, tell: TellStage): AsyncGenerator<EngineEvent> {
  let stage = 'prefill' as Stage | null
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
      else if (event.type === 'progress' && event.stage === 'encode') {
        if (event.done < event.total) stage = 'encode'
        else if (stage === 'encode') go('prefill')
      }
      yield event
    }
  } finally {
    go(null, true)
  }
}
