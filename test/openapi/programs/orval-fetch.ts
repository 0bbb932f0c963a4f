import { readEvents } from './seen.ts'

let base = ''

export function setBase (url: string): void {
  base = url
}

/** Sends the requests of the client that orval generates. A stream becomes an iterator of its events. */
export async function orvalFetch<Answer> (url: string, options: RequestInit): Promise<Answer> {
  const response = await fetch(base + url, options)
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  const data = isStream ? readEvents(response.body!) : await response.json()
  return { data, status: response.status, headers: response.headers } as Answer
}
