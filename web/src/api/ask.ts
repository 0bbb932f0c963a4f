import { serviceUrl } from './address.ts'
import { AskError, failureOf, failureOfEvent, networkFailure } from './failure.ts'
import { apiKey, authorization, forgetKey } from './key.ts'
import { createSseParser, type SseEvent } from './sse.ts'
import type { ChatDone, Receipt } from './types.ts'

/** Receives the progress of one request; the calls come in this order. */
export interface AskListener {
  /** Reports how many bytes of the request body were sent. */
  onUpload (sent: number, total: number): void
  /** The whole body was sent; the service processes it now. */
  onSent (): void
  onReceipt (receipt: Receipt): void
  onProgress (stage: 'encode' | 'prefill', done: number, total: number): void
  onThought (text: string): void
  onText (text: string): void
}

/**
 * Sends `POST api/chat_stream`. It uses XMLHttpRequest because `fetch` does not report upload progress.
 * @param language the language of error messages, as in `Accept-Language`
 * @throws AskError when the service refuses or the network fails; the signal's reason when it aborts
 */
export function ask (form: FormData, language: string, listener: AskListener, signal: AbortSignal): Promise<ChatDone> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const request = new XMLHttpRequest()
    const isStream = () =>
      request.status === 200 && (request.getResponseHeader('content-type') ?? '').startsWith('text/event-stream')
    const key = apiKey.value
    let read = 0

    const parse = createSseParser(({ event, data }: SseEvent) => {
      const value = JSON.parse(data)
      if (event === 'image') listener.onReceipt(value)
      else if (event === 'progress') listener.onProgress(value.stage, value.done, value.total)
      else if (event === 'thought') listener.onThought(value.text)
      else if (event === 'token') listener.onText(value.text)
      else if (event === 'done') resolve(value)
      else if (event === 'error') reject(new AskError(failureOfEvent(value)))
    })
    function readOn (): void {
      const { responseText } = request
      const piece = responseText.slice(read)
      read = responseText.length
      parse(piece)
    }

    request.upload.onprogress = ({ loaded, total }) => listener.onUpload(loaded, total)
    request.upload.onload = () => listener.onSent()
    request.onprogress = () => { if (isStream()) readOn() }
    request.onload = () => {
      if (isStream()) readOn()
      else if (request.status === 401) forgetKey(key)
      // Has no effect when the stream already ended with `done` or `error`.
      reject(new AskError(isStream()
        ? networkFailure()
        : failureOf(request.status, request.responseText, request.getResponseHeader('retry-after'))))
    }
    request.onerror = () => reject(new AskError(networkFailure()))
    request.onabort = () => reject(signal.reason)
    signal.addEventListener('abort', () => request.abort(), { once: true })

    request.open('POST', serviceUrl('api/chat_stream'))
    request.setRequestHeader('accept', 'text/event-stream')
    request.setRequestHeader('accept-language', language)
    for (const [name, value] of Object.entries(authorization(key))) request.setRequestHeader(name, value)
    request.send(form)
  })
}
