export interface SseEvent { event: string, data: string }

/** Parses a stream of server-sent events that arrives in pieces of any size. Comments and other fields are ignored. */
export function createSseParser (onEvent: (event: SseEvent) => void): (piece: string) => void {
  let rest = ''
  let event = ''
  let data: string[] = []
  return piece => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()!
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) onEvent({ event, data: data.join('\n') })
        event = ''
        data = []
      } else if (line.startsWith('event:')) {
        event = line.slice(6).trimStart()
      } else if (line.startsWith('data:')) {
        data.push(line.slice(5).replace(/^ /, ''))
      }
    }
  }
}
