import type { Language, Phrase } from './language.ts'

/**
 * An error that a client can receive: a stable code, an HTTP status, and a sentence in English and Chinese that says
 * what is wrong, where, and what to do.
 *
 * @example
 * throw withDetails(new FileTooLargeError('photo.jpg', 20), { image: 1 })
 */
export abstract class SightlineError extends Error {
  abstract readonly code: string
  abstract readonly statusCode: number
  /** Machine-readable facts, which the error handler merges into the JSON body. */
  readonly details: Record<string, unknown> = {}
  /** Seconds after which the client should retry. Unset: the default for the status. */
  retryAfterSeconds?: number
  /** The arguments of the constructor. They can be cloned, so that another thread can construct an equal error. */
  abstract readonly args: readonly unknown[]

  /** Returns `message` in another language. */
  abstract sentence (language: Language): string
}

/** A sentence in every language. Arguments that are phrases are rendered in the same language. */
type Sentence<Args extends unknown[]> = Record<Language, (...args: Args) => string> & {
  /** Picks the arguments that programs may need. */
  details?: (...args: Args) => Record<string, unknown>
}

function define<Args extends Array<Phrase | string | number>> (
  code: string, statusCode: number, sentence: Sentence<Args>
) {
  return class extends SightlineError {
    readonly code = code
    readonly statusCode = statusCode
    readonly #args: Args

    constructor (...args: Args) {
      super(sentence.en(...args))
      this.#args = args
      if (sentence.details) Object.assign(this.details, sentence.details(...args))
    }

    // A getter, because the log writes all properties of an error.
    get args (): Args {
      return this.#args
    }

    sentence (language: Language): string {
      return sentence[language](...this.#args)
    }
  }
}

/** Adds machine-readable details to an error and returns the same error. */
export function withDetails<E extends SightlineError> (error: E, details: Record<string, unknown>): E {
  Object.assign(error.details, details)
  return error
}

// Requests that are malformed or not allowed (400, 401)

/** Reports faults that the framework finds. The framework's sentences are English. */
export const ValidationError = define('VALIDATION', 400, {
  en: (fault: string) => fault,
  zh: fault => fault
})
export const MessageRequiredError = define('MESSAGE_REQUIRED', 400, {
  en: () => 'Field "message" is required and must not be empty',
  zh: () => '字段 "message" 必填，且不能为空',
  details: () => ({ field: 'message' })
})
export const MessageTooLongError = define('MESSAGE_TOO_LONG', 400, {
  en: (characters: number, limit: number) => `Field "message" has ${characters} characters; the limit is ${limit}`,
  zh: (characters, limit) => `字段 "message" 有 ${characters} 个字符，上限为 ${limit}`,
  details: (_characters, limit) => ({ field: 'message', limit })
})
export const UnknownFieldError = define('UNKNOWN_FIELD', 400, {
  en: (field: string, advice: Phrase) => `Field "${field}" is unknown; ${advice.en}`,
  zh: (field, advice) => `未知字段 "${field}"，${advice.zh}`,
  details: field => ({ field })
})
export const InvalidFieldError = define('INVALID_FIELD', 400, {
  en: (field: string, fault: Phrase) => `Field "${field}" ${fault.en}`,
  zh: (field, fault) => `字段 "${field}" ${fault.zh}`,
  details: field => ({ field })
})
export const InvalidHistoryError = define('INVALID_HISTORY', 400, {
  en: (fault: Phrase) => `Field "history" ${fault.en}`,
  zh: fault => `字段 "history" ${fault.zh}`,
  details: () => ({ field: 'history' })
})
export const InvalidJsonError = define('INVALID_JSON', 400, {
  en: (fault: Phrase) => `The JSON body is rejected: ${fault.en}`,
  zh: fault => `请求体的 JSON 被拒绝：${fault.zh}`
})
export const InvalidMultipartError = define('INVALID_MULTIPART', 400, {
  en: (fault: Phrase) => `The multipart body is malformed: ${fault.en}`,
  zh: fault => `multipart 请求体格式有误：${fault.zh}`
})
export const TooManyImagesError = define('TOO_MANY_IMAGES', 400, {
  en: (limit: number) => `The request has more than ${limit} different images (MAX_IMAGES); name images of earlier ` +
    'turns by their ids instead of sending them again',
  zh: limit => `请求中的不同图片超过 ${limit} 张（MAX_IMAGES）；之前轮次的图片请用其 id 指代，不要重新发送`,
  details: limit => ({ limit })
})
export const TooManyCopiesError = define('TOO_MANY_COPIES', 400, {
  en: (limit: number) =>
    `The request sends more than ${limit} images, copies included; send each image once and name it by its id`,
  zh: limit => `请求中的图片（包括重复的）超过 ${limit} 张；请只发送一次每张图片，并使用其 id`,
  details: limit => ({ limit })
})
export const UnsupportedSchemaError = define('UNSUPPORTED_SCHEMA', 400, {
  en: (keyword: string, pointer: string, fault: Phrase) =>
    `The JSON schema cannot be enforced: "${keyword}" at ${pointer} ${fault.en}`,
  zh: (keyword, pointer, fault) => `无法按此 JSON schema 约束回答：${pointer} 处的 "${keyword}" ${fault.zh}`,
  details: (keyword, pointer) => ({ field: 'response_format', keyword, pointer })
})
export const PromptRefusedError = define('PROMPT_REFUSED', 400, {
  en: (sentence: string) => `The model's chat template refuses the conversation: ${sentence}`,
  zh: sentence => `模型的对话模板拒绝了此对话：${sentence}`
})
export const ToolsNotSupportedError = define('TOOLS_NOT_SUPPORTED', 400, {
  en: () => 'The chat template of the loaded model has no tools, or writes calls in a format that cannot be read',
  zh: () => '当前模型的对话模板不支持工具调用，或其调用格式无法识别'
})
export const ThinkingNotSupportedError = define('THINKING_NOT_SUPPORTED', 400, {
  en: (field: string, reason: Phrase) => `"${field}" asks for thoughts, but ${reason.en}; leave it out, or turn it off`,
  zh: (field, reason) => `"${field}" 要求模型先思考，但${reason.zh}；请去掉该字段或将其关闭`,
  details: field => ({ field })
})
export const ImageUrlRefusedError = define('IMAGE_URL_REFUSED', 400, {
  en: (field: string, fault: Phrase) => `The image at "${field}" was not fetched: ${fault.en}`,
  zh: (field, fault) => `未获取 "${field}" 处的图片：${fault.zh}`,
  details: field => ({ field })
})
export const ImageUrlFailedError = define('IMAGE_URL_FAILED', 400, {
  en: (field: string, fault: Phrase) => `The image at "${field}" could not be fetched: ${fault.en}`,
  zh: (field, fault) => `无法获取 "${field}" 处的图片：${fault.zh}`,
  details: field => ({ field })
})
export const UnauthorizedError = define('UNAUTHORIZED', 401, {
  en: () => 'A valid API key is required; send "Authorization: Bearer <key>" or "X-API-Key: <key>"',
  zh: () => '需要有效的 API 密钥；请发送 "Authorization: Bearer <密钥>" 或 "X-API-Key: <密钥>"'
})
/** Always sent in English: the headers of the request, and with them its language, could not be read. */
export const MalformedRequestError = define('MALFORMED_REQUEST', 400, {
  en: () => 'The request is not valid HTTP',
  zh: () => '请求不是有效的 HTTP'
})

// Headers, bodies and images that cannot be accepted (408, 410, 413, 415, 422, 431)

export const UploadTimeoutError = define('UPLOAD_TIMEOUT', 408, {
  en: (seconds: number) => `The upload took longer than ${seconds} seconds`,
  zh: seconds => `上传超过了 ${seconds} 秒`
})
export const RequestIncompleteError = define('REQUEST_INCOMPLETE', 408, {
  en: () => 'The request did not arrive completely in time',
  zh: () => '请求未能及时完整到达'
})
export const ImageExpiredError = define('IMAGE_EXPIRED', 410, {
  en: (ids: string) => `These images are no longer cached; send them again: ${ids}`,
  zh: ids => `以下图片已不在缓存中，请重新发送：${ids}`
})
export const BodyTooLargeError = define('BODY_TOO_LARGE', 413, {
  en: (megabytes: number) =>
    `The JSON body without its images is larger than ${megabytes} MB; shorten its texts, or send fewer turns`,
  zh: megabytes => `JSON 请求体除图片外超过 ${megabytes} MB，请缩短文本或减少轮次`,
  details: megabytes => ({ limit_mb: megabytes })
})
export const FieldTooLargeError = define('FIELD_TOO_LARGE', 413, {
  en: (field: string, bytes: number) => `Field "${field}" is larger than ${bytes} bytes`,
  zh: (field, bytes) => `字段 "${field}" 超过 ${bytes} 字节`,
  details: (field, limit) => ({ field, limit })
})
export const FormTooLargeError = define('FORM_TOO_LARGE', 413, {
  en: (field: string, bytes: number) =>
    `The text fields of the form up to "${field}" are larger than ${bytes} bytes in total`,
  zh: (field, bytes) => `截至字段 "${field}"，表单的文本字段合计超过 ${bytes} 字节`,
  details: (field, limit) => ({ field, limit })
})
export const FileTooLargeError = define('FILE_TOO_LARGE', 413, {
  en: (label: string, megabytes: number) => `${label} is larger than ${megabytes} MB`,
  zh: (label, megabytes) => `${label} 超过 ${megabytes} MB`
})
export const PromptTooLongError = define('PROMPT_TOO_LONG', 413, {
  en: (tokens: number, limit: number) =>
    `The conversation needs ${tokens} tokens; the context window has ${limit}, so shorten the conversation`,
  zh: (tokens, limit) => `对话需要 ${tokens} 个 token，上下文窗口只有 ${limit} 个，请缩短对话`,
  details: (_tokens, limit) => ({ limit })
})
export const UnsupportedMediaTypeError = define('UNSUPPORTED_MEDIA_TYPE', 415, {
  en: (type: string) => `Content-Type ${type} is not supported; send multipart/form-data or application/json`,
  zh: type => `不支持 Content-Type ${type}；请发送 multipart/form-data 或 application/json`
})
export const UnsupportedEncodingError = define('UNSUPPORTED_ENCODING', 415, {
  en: (encoding: string) => `Content-Encoding ${encoding} is not supported; send the body uncompressed`,
  zh: encoding => `不支持 Content-Encoding ${encoding}；请发送未压缩的请求体`
})
export const UnsupportedImageError = define('UNSUPPORTED_IMAGE', 415, {
  en: (label: string, kind: Phrase, advice: Phrase) => `${label} is ${kind.en}; ${advice.en}`,
  zh: (label, kind, advice) => `${label} 的类型（${kind.zh}）不受支持；${advice.zh}`
})
export const EmptyFileError = define('EMPTY_FILE', 422, {
  en: (label: string) => `${label} is empty`,
  zh: label => `${label} 是空文件`
})
export const CorruptImageError = define('CORRUPT_IMAGE', 422, {
  en: (label: string, fault: Phrase) => `${label} cannot be decoded: ${fault.en}`,
  zh: (label, fault) => `${label} 无法解码：${fault.zh}`
})
export const ImageTooManyPixelsError = define('IMAGE_TOO_MANY_PIXELS', 422, {
  en: (label: Phrase, width: number, height: number, limit: number) =>
    `${label.en} has ${width} x ${height} pixels; the limit is ${limit} pixels`,
  zh: (label, width, height, limit) => `${label.zh} 有 ${width} x ${height} 像素，上限为 ${limit} 像素`
})
export const ImageTooNarrowError = define('IMAGE_TOO_NARROW', 422, {
  en: (label: string, width: number, height: number) =>
    `${label} has ${width} x ${height} pixels; the longer side must not exceed 200 times the shorter`,
  zh: (label, width, height) => `${label} 有 ${width} x ${height} 像素；长边不能超过短边的 200 倍`,
  details: () => ({ limit: 200 })
})
export const ImagesDoNotFitError = define('IMAGES_DO_NOT_FIT', 422, {
  en: (tokens: number, left: number) =>
    `The images need at least ${tokens} tokens; ${left} are left in the context, so send fewer images or less text`,
  zh: (tokens, left) => `图片至少需要 ${tokens} 个 token，上下文只剩 ${left} 个，请减少图片或文本`
})
export const NoVisionError = define('NO_VISION', 422, {
  en: () => 'The loaded model does not support images',
  zh: () => '当前模型不支持图片'
})
export const HeadersTooLargeError = define('HEADERS_TOO_LARGE', 431, {
  en: (kilobytes: number) => `The URL and headers of the request are larger than ${kilobytes} KB`,
  zh: kilobytes => `请求的 URL 与头部超过 ${kilobytes} KB`
})

// The state of the service (404, 429, 5xx)

export const NotFoundError = define('NOT_FOUND', 404, {
  en: (place: Phrase) => `Not found: ${place.en}`,
  zh: place => `未找到：${place.zh}`
})
export const ModelNotFoundError = define('MODEL_NOT_FOUND', 404, {
  en: (wanted: string, loaded: string) => `The model "${wanted}" is not loaded; use "${loaded}"`,
  zh: (wanted, loaded) => `模型 "${wanted}" 未加载，请使用 "${loaded}"`
})
export const ServerBusyError = define('SERVER_BUSY', 429, {
  en: () => 'All slots are busy; try again in a moment',
  zh: () => '服务器繁忙，请稍后重试'
})
export const RateLimitedError = define('RATE_LIMITED', 429, {
  en: (limit: number) => `More than ${limit} requests were sent within a minute; try again later`,
  zh: limit => `一分钟内的请求超过 ${limit} 次，请稍后重试`,
  details: limit => ({ limit })
})
export const TooManyWrongKeysError = define('TOO_MANY_WRONG_KEYS', 429, {
  en: (limit: number) => `${limit} wrong API keys came from this address within a minute; try again later`,
  zh: limit => `此地址在一分钟内发送了 ${limit} 个错误的 API 密钥，请稍后重试`,
  details: limit => ({ limit })
})
/** Appears only in the log, because the client has left. */
export const ClientLeftError = define('CLIENT_LEFT', 499, {
  en: () => 'The client closed the connection',
  zh: () => '客户端已断开连接'
})
export const EngineError = define('ENGINE_ERROR', 500, {
  en: () => 'The model failed on this request; see the log of the service',
  zh: () => '模型处理此请求时出错，原因见服务日志'
})
export const InternalError = define('INTERNAL', 500, {
  en: () => 'An error occurred inside the service; see its log',
  zh: () => '服务内部出错，原因见服务日志'
})
export const QueueTimeoutError = define('QUEUE_TIMEOUT', 503, {
  en: (seconds: number) => `No slot became free within ${seconds} seconds; try again later`,
  zh: seconds => `${seconds} 秒内没有空闲的槽位，请稍后重试`
})
export const OverloadedError = define('OVERLOADED', 503, {
  en: () => 'The service is overloaded; try again in a moment',
  zh: () => '服务过载，请稍后重试'
})
export const ShuttingDownError = define('SHUTTING_DOWN', 503, {
  en: () => 'The service is shutting down',
  zh: () => '服务正在关闭'
})
export const EngineNotReadyError = define('ENGINE_NOT_READY', 503, {
  en: (reason: Phrase) => `The model is not ready: ${reason.en}`,
  zh: reason => `模型尚未就绪：${reason.zh}`
})
export const EngineCrashedError = define('ENGINE_CRASHED', 503, {
  en: () => 'The model process crashed during this request and is being restarted; try again',
  zh: () => '模型进程在处理此请求时崩溃，正在重启，请重试'
})
export const TimeoutError = define('TIMEOUT', 504, {
  en: (seconds: number) => `The request took longer than ${seconds} seconds`,
  zh: seconds => `请求超过了 ${seconds} 秒`
})
export const StorageError = define('STORAGE', 507, {
  en: (fault: Phrase) => `The upload could not be stored: ${fault.en}`,
  zh: fault => `无法保存上传的文件：${fault.zh}`
})
