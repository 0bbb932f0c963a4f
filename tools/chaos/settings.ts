/** How the service is started: bounds that are met in seconds, so that every one of them is met. */
export const LIMITS = {
  maxImages: 8,
  maxFileMb: 4,
  jsonBodyMb: 16,
  maxInputPixels: 30_000_000,
  /** Of one text field of a form; not a setting. */
  fieldBytes: 1024 * 1024,
  /** Of all text fields of a form together; not a setting. */
  formTextBytes: 4 * 1024 * 1024,
  uploadTimeoutS: 3,
  queueTimeoutS: 2,
  requestTimeoutS: 20,
  shutdownGraceS: 5
}

/** @param slots those that work; as many requests may wait */
export function toEnvironment (slots: number): Record<string, string> {
  return {
    LLAMA_GPU: 'off',
    MAX_CONCURRENT_REQUESTS: String(slots),
    QUEUE_SIZE: String(slots),
    QUEUE_TIMEOUT: String(LIMITS.queueTimeoutS),
    REQUEST_TIMEOUT: String(LIMITS.requestTimeoutS),
    UPLOAD_TIMEOUT: String(LIMITS.uploadTimeoutS),
    SHUTDOWN_GRACE: String(LIMITS.shutdownGraceS),
    MAX_IMAGES: String(LIMITS.maxImages),
    MAX_FILE_SIZE_MB: String(LIMITS.maxFileMb),
    JSON_BODY_LIMIT_MB: String(LIMITS.jsonBodyMb),
    MAX_INPUT_PIXELS: String(LIMITS.maxInputPixels),
    // Some fifty images of the demonstration model: they come and go.
    IMAGE_CACHE_MB: '1',
    // The books are kept by what is logged of each request.
    LOG_LEVEL: 'info'
  }
}
