import { say, type Language, type Phrase } from './language.ts'

/**
 * Every error that a client can meet: a stable code, an HTTP status, and a sentence in English and Chinese that names the culprit.
 * Whatever a program may want to read as well goes into `details`, which the error handler spreads into the body:
 * `throw withDetails(new FileTooLargeError('photo.jpg', 20), { image: 1 })`.
 */
export abstract class SightlineError extends Error {
  abstract readonly code: string
  abstract readonly statusCode: number
  /** Merged into the JSON body beside `error`, `code` and `request_id`. */
  readonly details: Record<string, unknown> = {}
  /** When to try again, where that is known better than by the status. */
  retryAfterSeconds?: number
  /** The arguments of its constructor, from which another thread can make the same error. */
  abstract readonly args: readonly unknown[]

  /** `message` in another language. */
  abstract sentence (language: Language): string
}

type Sentence<Args extends unknown[]> = Record<Language, (...args: Args) => string> & {
  /** What of the arguments a program may want to read as well. */
  details?: (...args: Args) => Record<string, unknown>
}
/** What an error is made from: where its sentence takes a text, a phrase that speaks both languages will do. */
type Given<Args extends unknown[]> = { [I in keyof Args]: Args[I] extends string ? Phrase : Args[I] }

function define<Args extends unknown[]> (code: string, statusCode: number, sentence: Sentence<Args>) {
  const spoken = (args: Given<Args>, language: Language) =>
    args.map(arg => typeof arg === 'number' ? arg : say(arg as Phrase, language)) as Args
  const render = (args: Given<Args>, language: Language) => sentence[language](...spoken(args, language))

  return class extends SightlineError {
    readonly code = code
    readonly statusCode = statusCode
    readonly #args: Given<Args>

    constructor (...args: Given<Args>) {
      super(render(args, 'en'))
      this.#args = args
      if (sentence.details) Object.assign(this.details, sentence.details(...spoken(args, 'en')))
    }

    // Not a property: the log would show it.
    get args (): Given<Args> {
      return this.#args
    }

    sentence (language: Language): string {
      return render(this.#args, language)
    }
  }
}

/** Adds machine-readable details to those that an error has and returns the same error. */
export function withDetails<E extends SightlineError> (error: E, details: Record<string, unknown>): E {
  Object.assign(error.details, details)
  return error
}

// Requests that are malformed, or not allowed (400, 401)

/** For what the framework finds wrong; its sentences are English. */
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
  en: (characters: number, limit: number) => `Field "message" has ${characters} characters, the limit is ${limit}`,
  zh: (characters, limit) => `字段 "message" 有 ${characters} 个字符，上限为 ${limit}`,
  details: (_characters, limit) => ({ field: 'message', limit })
})
export const UnknownFieldError = define('UNKNOWN_FIELD', 400, {
  en: (field: string) => `Field "${field}" is not known`,
  zh: field => `未知字段 "${field}"`,
  details: field => ({ field })
})
export const InvalidFieldError = define('INVALID_FIELD', 400, {
  en: (field: string, fault: string) => `Field "${field}" ${fault}`,
  zh: (field, fault) => `字段 "${field}" ${fault}`,
  details: field => ({ field })
})
export const InvalidHistoryError = define('INVALID_HISTORY', 400, {
  en: (fault: string) => `Field "history" ${fault}`,
  zh: fault => `字段 "history" ${fault}`,
  details: () => ({ field: 'history' })
})
export const InvalidJsonError = define('INVALID_JSON', 400, {
  en: (fault: string) => `The JSON body is refused: ${fault}`,
  zh: fault => `请求体的 JSON 被拒绝：${fault}`
})
export const InvalidMultipartError = define('INVALID_MULTIPART', 400, {
  en: (fault: string) => `The multipart body is malformed: ${fault}`,
  zh: fault => `multipart 请求体格式有误：${fault}`
})
export const TooManyImagesError = define('TOO_MANY_IMAGES', 400, {
  en: (limit: number) => `More than ${limit} pictures in one request`,
  zh: limit => `一次请求最多 ${limit} 张图片`,
  details: limit => ({ limit })
})
export const UnsupportedSchemaError = define('UNSUPPORTED_SCHEMA', 400, {
  en: (keyword: string, pointer: string, fault: string) =>
    `The JSON schema cannot be enforced: "${keyword}" at ${pointer} ${fault}`,
  zh: (keyword, pointer, fault) => `无法按此 JSON schema 约束回答：${pointer} 处的 "${keyword}" ${fault}`,
  details: (keyword, pointer) => ({ field: 'response_format', keyword, pointer })
})
export const ToolsNotSupportedError = define('TOOLS_NOT_SUPPORTED', 400, {
  en: () => 'The chat template of the loaded model knows no tools',
  zh: () => '当前模型的对话模板不支持工具调用'
})
export const ImageUrlRefusedError = define('IMAGE_URL_REFUSED', 400, {
  en: (field: string, fault: string) => `The picture at "${field}" is not fetched: ${fault}`,
  zh: (field, fault) => `不会获取 "${field}" 处的图片：${fault}`,
  details: field => ({ field })
})
export const ImageUrlFailedError = define('IMAGE_URL_FAILED', 400, {
  en: (field: string, fault: string) => `The picture at "${field}" could not be fetched: ${fault}`,
  zh: (field, fault) => `无法获取 "${field}" 处的图片：${fault}`,
  details: field => ({ field })
})
export const UnauthorizedError = define('UNAUTHORIZED', 401, {
  en: () => 'A valid API key is required: Authorization: Bearer <key>, or X-API-Key: <key>',
  zh: () => '需要有效的 API 密钥：Authorization: Bearer <密钥>，或 X-API-Key: <密钥>'
})
/** Nobody can tell yet what was asked for, and in which language. */
export const MalformedRequestError = define('MALFORMED_REQUEST', 400, {
  en: () => 'The request is not valid HTTP',
  zh: () => '请求不是有效的 HTTP'
})

// Heads, bodies and images that are refused for what they are (408, 410, 413, 415, 422, 431)

export const UploadTimeoutError = define('UPLOAD_TIMEOUT', 408, {
  en: (seconds: number) => `The upload took longer than ${seconds} seconds`,
  zh: seconds => `上传超过了 ${seconds} 秒`
})
export const RequestIncompleteError = define('REQUEST_INCOMPLETE', 408, {
  en: () => 'The request did not arrive in time',
  zh: () => '请求未能及时到达'
})
export const ImageExpiredError = define('IMAGE_EXPIRED', 410, {
  en: (ids: string) => `These pictures are no longer cached, send them again: ${ids}`,
  zh: ids => `以下图片已不在缓存中，请重新发送：${ids}`
})
export const BodyTooLargeError = define('BODY_TOO_LARGE', 413, {
  en: (megabytes: number) => `The body is larger than ${megabytes} MB; larger pictures go as multipart/form-data`,
  zh: megabytes => `请求体超过 ${megabytes} MB；较大的图片请用 multipart/form-data 发送`,
  details: megabytes => ({ limit_mb: megabytes })
})
export const FieldTooLargeError = define('FIELD_TOO_LARGE', 413, {
  en: (field: string, bytes: number) => `Field "${field}" is larger than ${bytes} bytes`,
  zh: (field, bytes) => `字段 "${field}" 超过 ${bytes} 字节`,
  details: (field, limit) => ({ field, limit })
})
export const FormTooLargeError = define('FORM_TOO_LARGE', 413, {
  en: (field: string, bytes: number) =>
    `With field "${field}" the text fields of the form have more than ${bytes} bytes together`,
  zh: (field, bytes) => `加上字段 "${field}"，表单的文本字段合计超过 ${bytes} 字节`,
  details: (field, limit) => ({ field, limit })
})
export const FileTooLargeError = define('FILE_TOO_LARGE', 413, {
  en: (label: string, megabytes: number) => `${label} is larger than ${megabytes} MB`,
  zh: (label, megabytes) => `${label} 超过 ${megabytes} MB`
})
export const PromptTooLongError = define('PROMPT_TOO_LONG', 413, {
  en: (tokens: number, limit: number) => `The conversation needs ${tokens} tokens, the context holds ${limit}`,
  zh: (tokens, limit) => `对话需要 ${tokens} 个 token，上下文只能容纳 ${limit} 个`,
  details: (_tokens, limit) => ({ limit })
})
export const UnsupportedMediaTypeError = define('UNSUPPORTED_MEDIA_TYPE', 415, {
  en: (type: string) => `Content-Type ${type} is not supported; send multipart/form-data or application/json`,
  zh: type => `不支持 Content-Type ${type}；请发送 multipart/form-data 或 application/json`
})
export const UnsupportedImageError = define('UNSUPPORTED_IMAGE', 415, {
  en: (label: string, kind: string) => `${label} is ${kind}; send JPEG, PNG, WebP, AVIF, GIF or TIFF`,
  zh: (label, kind) => `${label} 是${kind}；请发送 JPEG、PNG、WebP、AVIF、GIF 或 TIFF`
})
export const EmptyFileError = define('EMPTY_FILE', 422, {
  en: (label: string) => `${label} is empty`,
  zh: label => `${label} 是空文件`
})
export const CorruptImageError = define('CORRUPT_IMAGE', 422, {
  en: (label: string, fault: string) => `${label} cannot be decoded: ${fault}`,
  zh: (label, fault) => `${label} 无法解码：${fault}`
})
export const ImageTooManyPixelsError = define('IMAGE_TOO_MANY_PIXELS', 422, {
  en: (label: string, width: number, height: number, limit: number) =>
    `${label} claims ${width} x ${height} pixels, the limit is ${limit} pixels`,
  zh: (label, width, height, limit) => `${label} 声称有 ${width} x ${height} 像素，上限为 ${limit} 像素`
})
export const ImageTooNarrowError = define('IMAGE_TOO_NARROW', 422, {
  en: (label: string, width: number, height: number) =>
    `${label} is ${width} x ${height} pixels: the longer side is more than 200 times the shorter`,
  zh: (label, width, height) => `${label} 为 ${width} x ${height} 像素：长边超过短边的 200 倍`,
  details: () => ({ limit: 200 })
})
export const ImagesDoNotFitError = define('IMAGES_DO_NOT_FIT', 422, {
  en: (tokens: number, left: number) => `The pictures need at least ${tokens} tokens, ${left} are left in the context`,
  zh: (tokens, left) => `图片至少需要 ${tokens} 个 token，上下文只剩 ${left} 个`
})
export const NoVisionError = define('NO_VISION', 422, {
  en: () => 'The loaded model cannot see pictures',
  zh: () => '当前模型看不懂图片'
})
export const HeadersTooLargeError = define('HEADERS_TOO_LARGE', 431, {
  en: (kilobytes: number) => `Address and headers of the request are larger than ${kilobytes} KB`,
  zh: kilobytes => `请求的地址与头部超过 ${kilobytes} KB`
})

// The service's own state (404, 429, 5xx)

export const NotFoundError = define('NOT_FOUND', 404, {
  en: (what: string) => `There is nothing at ${what}`,
  zh: what => `${what} 不存在`
})
export const ModelNotFoundError = define('MODEL_NOT_FOUND', 404, {
  en: (asked: string, loaded: string) => `The model "${asked}" is not loaded, "${loaded}" is`,
  zh: (asked, loaded) => `模型 "${asked}" 未加载，当前模型为 "${loaded}"`
})
export const ServerBusyError = define('SERVER_BUSY', 429, {
  en: () => 'All slots are busy, try again in a moment',
  zh: () => '服务器繁忙，请稍后重试'
})
export const RateLimitedError = define('RATE_LIMITED', 429, {
  en: (limit: number) => `More than ${limit} requests a minute`,
  zh: limit => `每分钟最多 ${limit} 次请求`,
  details: limit => ({ limit })
})
export const TooManyWrongKeysError = define('TOO_MANY_WRONG_KEYS', 429, {
  en: (limit: number) => `${limit} wrong API keys came from this address within a minute`,
  zh: limit => `此地址在一分钟内发送了 ${limit} 个错误的 API 密钥`,
  details: limit => ({ limit })
})
/** Nobody is there to read it; for the log. */
export const ClientLeftError = define('CLIENT_LEFT', 499, {
  en: () => 'The client left',
  zh: () => '客户端已断开'
})
export const EngineError = define('ENGINE_ERROR', 500, {
  en: () => 'The model failed on this request; the log says why',
  zh: () => '模型处理此请求时出错；原因见日志'
})
export const InternalError = define('INTERNAL', 500, {
  en: () => 'Something went wrong inside the service',
  zh: () => '服务内部出错'
})
export const QueueTimeoutError = define('QUEUE_TIMEOUT', 503, {
  en: (seconds: number) => `No slot came free within ${seconds} seconds`,
  zh: seconds => `${seconds} 秒内没有空闲的槽位`
})
export const OverloadedError = define('OVERLOADED', 503, {
  en: () => 'The service is overloaded, try again in a moment',
  zh: () => '服务过载，请稍后重试'
})
export const ShuttingDownError = define('SHUTTING_DOWN', 503, {
  en: () => 'The service is shutting down',
  zh: () => '服务正在关闭'
})
export const EngineNotReadyError = define('ENGINE_NOT_READY', 503, {
  en: (reason: string) => `The model is not ready: ${reason}`,
  zh: reason => `模型尚未就绪：${reason}`
})
export const EngineCrashedError = define('ENGINE_CRASHED', 503, {
  en: () => 'The model process died while it worked on this request; it is being restarted',
  zh: () => '模型进程在处理此请求时退出，正在重启'
})
export const TimeoutError = define('TIMEOUT', 504, {
  en: (seconds: number) => `The request took longer than ${seconds} seconds`,
  zh: seconds => `请求超过了 ${seconds} 秒`
})
export const StorageError = define('STORAGE', 507, {
  en: (fault: string) => `The upload could not be stored: ${fault}`,
  zh: fault => `无法保存上传的文件：${fault}`
})
