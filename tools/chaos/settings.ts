/** Settings of the service: limits so small that requests reach every one of them within seconds. */
export const LIMITS = {
  maxImages: 8,
  maxFileMb: 4,
  jsonBodyMb: 4,
  maxInputPixels: 30_000_000,
  /** Limit of a text field of a form, which is not a setting. */
  fieldBytes: 1024 * 1024,
  /** Limit of all text fields of a form together, which is not a setting. */
  formTextBytes: 4 * 1024 * 1024,
  uploadTimeoutS: 3,
  queueTimeoutS: 2,
  requestTimeoutS: 20,
  shutdownGraceS: 5
}

/** @param slots number of slots, and of places in the queue */
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
    // Room for about fifty images, so that images are evicted.
    IMAGE_CACHE_MB: '1',
    // The checker reads the log lines of each request.
    LOG_LEVEL: 'info'
  }
}
