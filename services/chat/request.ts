import type { AnswerFormat, Sampling, Tool, Turn } from '../engine/engine.ts'
import type { TraceHeaders } from '../tracing/traces.ts'

/** An image as it came, lying on disk. */
export interface UploadedFile {
  path: string
  /** Its place in the request, e.g. `images[1]`. */
  field: string
  /** How sentences name it, e.g. `images[1] ("dog.jpg")`. */
  label: string
  bytes: number
  /** `sha256:<64 hex digits>` of its bytes. */
  id: string
}

/** A part of a turn: text, an image of this request by its index in `files`, or one of an earlier request by its id. */
export type ChatPart =
  | { type: 'text', text: string }
  | { type: 'upload', file: number, maxSide?: number }
  | { type: 'earlier', id: string }

export type ChatTurn = Turn<ChatPart>

/** A tool that a client offers. */
export interface OfferedTool extends Tool {
  /** Its place in the request, e.g. `tools[0]`. */
  field: string
  /** The request is refused when the schema of the arguments cannot be enforced. */
  strict: boolean
}

/** What an answer has to obey: a format, or that it is exactly one call of one of these tools. */
export type Constraint =
  | { type: 'format', format: AnswerFormat }
  | { type: 'call', tools: OfferedTool[] }

/** What a client asks, whichever interface it speaks. */
export interface ChatQuestion {
  turns: ChatTurn[]
  tools: Tool[]
  /** As asked; the context may leave less. */
  maxTokens: number
  stop: string[]
  /** Null for free text. */
  constraint: Constraint | null
  /** The answer ends with its first tool call. */
  singleCall: boolean
  sampling: Sampling
}

/** A question, its images, and where its request stands. */
export interface ChatRequest extends ChatQuestion {
  files: UploadedFile[]
  /** Who asks: the ids of images are their sender's own. Empty where everybody is the same. */
  scope: string
  requestId: string
  /** When the request was admitted, on the clock of `performance.now()`. */
  startedAt: number
  queueMs: number
  uploadMs: number
  /** Names the trace that the request belongs to, for an engine that has its answers made elsewhere. */
  traceHeaders?: TraceHeaders
}

export const DEFAULT_MAX_TOKENS = 1024
