import { readText, send, type UpstreamRequest } from './http.ts'

const FAULTS: Record<number, string> = {
  401: 'it refuses ENGINE_API_KEY',
  403: 'it refuses ENGINE_API_KEY',
  404: 'there is no such path: ENGINE_URL has to end where /models begins, mostly in /v1'
}

/**
 * Asks an upstream for its models.
 * @param wanted empty: the first one
 * @returns the name of the model that requests are to name
 * @throws Error with a sentence for the operator; the reason of `signal`
 */
export async function readModels (request: UpstreamRequest, wanted: string, signal: AbortSignal): Promise<string> {
  const response = await send(request, signal)
  try {
    const { statusCode = 0 } = response
    if (statusCode !== 200) throw new Error(FAULTS[statusCode] ?? `it answers with status ${statusCode}`)
    const names = namesIn(await readText(response, signal))
    if (wanted !== '' && !names.includes(wanted)) {
      throw new Error(`it serves no model ENGINE_MODEL=${wanted}, but ${names.slice(0, 5).join(', ')}`)
    }
    const [first] = names
    if (first === undefined) throw new Error('it lists no models')
    return wanted || first
  } finally {
    response.destroy()
  }
}

/** A model as people are told of it: llama-server, and vLLM with a model of the disk, name it by its path, which is nobody's business. */
export function nameOf (id: string): string {
  const isPath = /^(?:[\\/]|[a-z]:)|\.gguf$/i.test(id)
  return isPath ? /([^\\/]+?)(?:\.gguf)?[\\/]*$/i.exec(id)?.[1] ?? id : id
}

function namesIn (text: string): string[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw new Error('its list of models is no JSON')
  }
  const { data } = Object(list)
  if (!Array.isArray(data)) throw new Error('its list of models has no "data"')
  return data.map(entry => Object(entry).id).filter(id => typeof id === 'string')
}
