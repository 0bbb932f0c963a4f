import type { AnswerFormat, Sampling, Tool, Turn } from '../engine/engine.ts'
import type { FilePart } from '../images/part.ts'
import type { TraceHeaders } from '../tracing/traces.ts'
import type { ThinkingWish } from './thinking.ts'

/** An image on disk, as the client sent it. */
export interface UploadedFile {
  path: string
  /** Its place in the request, e.g. `images[1]`. */
  field: string
  /** Its name in sentences, e.g. `images[1] ("dog.jpg")`. */
  label: string
  bytes: number
  /** `sha256:<64 hex digits>` of its bytes, or of a part of it (`partId`). */
  id: string
  /** The name that the client gave it, cleared of control characters. */
  name?: string
  /** The part of the file that is the image; undefined for a file with one image. */
  part?: FilePart
  /** Id of the file of which this is a part. */
  document?: string
}

/** A part of a turn: text, an image of this request (by index in `files`) or of an earlier request (by id). */
export type ChatPart =
  | { type: 'text', text: string }
  | { type: 'upload', file: number, maxSide?: number }
  | { type: 'earlier', id: string, maxSide?: number }

export type ChatTurn = Turn<ChatPart>

/** A tool that a client offers. */
export interface OfferedTool extends Tool {
  /** Its place in the request, e.g. `tools[0]`. */
  field: string
  /** The request is refused if the schema of the arguments cannot be enforced. */
  strict: boolean
}

/** A constraint on an answer: a format, or calls of these tools. */
export type Constraint =
  | { type: 'format', format: AnswerFormat }
  | { type: 'call', tools: OfferedTool[], singleCall: boolean }

/** A question to the model, from either API. */
export interface ChatQuestion {
  turns: ChatTurn[]
  tools: Tool[]
  /** The maximum that the client asks for. The context may leave less room. */
  maxTokens: number
  /** Null if the request does not say whether the model shall think. */
  thinking: ThinkingWish | null
  stop: string[]
  /** Null for free text. */
  constraint: Constraint | null
  /** True if the answer ends with its first tool call. */
  singleCall: boolean
  sampling: Sampling
}

/** A question with its images and the timings of its request. */
export interface ChatRequest extends ChatQuestion {
  files: UploadedFile[]
  /** Separates the image ids of different clients. Empty if the service has no keys. */
  scope: string
  requestId: string
  /** When the request was admitted, on the clock of `performance.now()`. */
  startedAt: number
  queueMs: number
  uploadMs: number
  /** When the search for the images of its files began, on the clock of `performance.now()`. */
  prepareStart: number
  /** Headers of the request's trace, for an engine that sends requests to other servers. */
  traceHeaders?: TraceHeaders
}

export const DEFAULT_MAX_TOKENS = 1024
