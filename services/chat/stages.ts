import type { EngineEvent } from '../engine/engine.ts'
import type { Stage } from './observer.ts'

/** Parameters as in `ChatObserver.onStage`. */
export type StageListener = (stage: Stage, startedAt: number, endedAt: number, isCutOff: boolean) => void

/**
 * Passes an engine's events on and reports the stages that they imply. Encoding ends when every image is encoded, and
 * includes the parts of the prompt that are evaluated meanwhile. Prefill ends with the first token, thinking with the
 * first token of the answer, decoding with the answer.
 * @param first the stage with which the engine begins
 * @throws the error of `events`
 */
export async function * followStages (
  events: AsyncIterable<EngineEvent>, first: 'encode' | 'prefill', onStage: StageListener
): AsyncGenerator<EngineEvent> {
  let stage = first as Stage | null
  let since = performance.now()

  function enter (next: Stage | null, isCutOff = false): void {
    if (stage === null) return
    const now = performance.now()
    onStage(stage, since, now, isCutOff)
    stage = next
    since = now
  }

  try {
    for await (const event of events) {
      if (event.type === 'done') enter(null)
      else if (event.type === 'thought' && stage !== 'think') enter('think')
      else if (event.type === 'token' && stage !== 'decode') enter('decode')
      else if (stage === 'encode' && isEncodingComplete(event)) enter('prefill')
      yield event
    }
  } finally {
    enter(null, true)
  }
}

function isEncodingComplete (event: EngineEvent): boolean {
  return event.type === 'progress' && event.stage === 'encode' && event.done === event.total
}
