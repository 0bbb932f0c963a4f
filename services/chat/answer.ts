import { EngineNotReadyError } from '../../errors/catalogue.ts'
import { untilAborted } from '../abort.ts'
import type { EngineInfo } from '../engine/engine.ts'
import type { Log } from '../log.ts'
import { AnswerRun, type AnswerRunOptions } from './answer-run.ts'
import { createAnticipation } from './anticipation.ts'
import { createConversation, type Conversation } from './conversation.ts'
import { SizeMemory } from './earlier-images.ts'
import type { ChatEvent } from './events.ts'
import { expandFiles, type ExpandedFiles, type ExpansionRequest } from './expansion.ts'
import type { Grammars } from './grammars.ts'
import { planRequest, type ChatPlan, type PlanLimits } from './plan.ts'
import type { ChatRequest, UploadedFile } from './request.ts'
import { resolveThinking, type ThinkingLimits } from './thinking.ts'

export interface ChatServiceOptions extends Omit<AnswerRunOptions, 'anticipation'> {
  grammars: Grammars
  limits: PlanLimits
  /** Maximum number of images of a request, pages and frames included. */
  maxImages: number
  thinking: ThinkingLimits
}

export interface ChatService {
  /**
   * Prepares and encodes an image while the rest of its request is still arriving. `answer` uses the results.
   * @param scope of the request, as in `ChatRequest`
   * @param signal fires when the request is over; the same for all images of a request
   * @returns settles when the image's file is no longer needed for this, or at once when `signal` fires; never rejects
   */
  anticipate (file: UploadedFile, scope: string, signal: AbortSignal): Promise<void>
  /**
   * Replaces the files of a request by the images that they contain: pages of a PDF, frames of an animation.
   * @returns also when this began, for `ChatRequest`
   * @throws errors of `expandFiles`
   */
  expand (
    request: ExpansionRequest, requestId: string, signal: AbortSignal
  ): Promise<ExpandedFiles & Pick<ChatRequest, 'prepareStart'>>
  /**
   * Answers a question about images. After an abort it settles at once. Work that cannot be interrupted (an image
   * that sharp decodes, a node of the model's graph) continues within its own bounds, and needs none of the
   * request's files.
   * @throws errors of `errors/catalogue.ts`; the reason of `signal`
   */
  answer (request: ChatRequest, signal: AbortSignal, log: Log): AsyncGenerator<ChatEvent>
}

export function createChatService (options: ChatServiceOptions): ChatService {
  const { engine, grammars, limits, observer, thinking } = options
  const anticipation = createAnticipation(options)
  const memory = new SizeMemory()

  async function * answer (request: ChatRequest, signal: AbortSignal, log: Log): AsyncGenerator<ChatEvent> {
    const info = engine.info()
    if (info.state !== 'ready') throw new EngineNotReadyError(info.reason)
    const { prepareStart } = request
    const thinkingTokens = resolveThinking(request.thinking, info, thinking)
    const conversation = createConversation(request)
    const planned = planAnswer(request, thinkingTokens, info, conversation, signal)
    const { plan, grammar } = await untilAborted(planned, signal).catch(error => {
      observer.onStage?.(request.requestId, 'prepare', prepareStart, performance.now(), true)
      throw error
    })
    signal.throwIfAborted()
    yield { type: 'accepted', images: plan.images.length }

    const accepted = { request, thinkingTokens, info, conversation, plan, grammar, log }
    const run = new AnswerRun(accepted, { ...options, anticipation }, signal)
    const settled = run.start()
    try {
      yield * run.events
    } finally {
      run.stop()
      await settled
    }
  }

  /** The plan comes before the grammar: a prompt that is too long is refused before a schema is converted for it. */
  async function planAnswer (
    request: ChatRequest, thinkingTokens: number, info: EngineInfo, conversation: Conversation, signal: AbortSignal
  ): Promise<{ plan: ChatPlan, grammar: string | null }> {
    const plan = await planRequest(
      request, thinkingTokens, conversation, engine, limits, file => anticipation.inspect(file, signal), memory
    )
    const { constraint } = request
    return { plan, grammar: constraint && await grammars.of(constraint, info.tools, signal) }
  }

  const { maxImages } = options
  const expansion = { maxImages, maxInputPixels: limits.maxInputPixels, inspect: anticipation.inspect }

  return {
    anticipate: anticipation.begin,
    async expand (request, requestId, signal) {
      const prepareStart = performance.now()
      try {
        return { ...await expandFiles(request, expansion, signal), prepareStart }
      } catch (error) {
        observer.onStage?.(requestId, 'prepare', prepareStart, performance.now(), true)
        throw error
      }
    },
    answer
  }
}
