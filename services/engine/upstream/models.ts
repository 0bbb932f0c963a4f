import { readText, send, type UpstreamRequest } from './http.ts'

const FAULTS: Record<number, string> = {
  401: 'it refuses ENGINE_API_KEY',
  403: 'it refuses ENGINE_API_KEY',
  404: 'it has no path /models under ENGINE_URL, which usually ends in /v1'
}

/**
 * Requests the list of models of an upstream.
 * @param wanted the model that the list must contain; empty for the first one of the list
 * @returns the name of the model for requests
 * @throws Error with a sentence for the operator; the reason of `signal`
 */
export async function readModels (request: UpstreamRequest, wanted: string, signal: AbortSignal): Promise<string> {
  const response = await send(request, signal)
  try {
    const { statusCode = 0 } = response
    if (statusCode !== 200) throw new Error(FAULTS[statusCode] ?? `it returned status ${statusCode}`)
    const names = namesIn(await readText(response, signal))
    if (wanted !== '' && !names.includes(wanted)) {
      throw new Error(`it does not serve ENGINE_MODEL=${wanted}, only ${names.slice(0, 5).join(', ')}`)
    }
    const [first] = names
    if (first === undefined) throw new Error('it lists no models')
    return wanted || first
  } finally {
    response.destroy()
  }
}

/**
 * Returns the name of a model for clients. llama-server, and vLLM with a local model, name a model by its path, which
 * clients must not see.
 */
export function displayNameOf (id: string): string {
  const isPath = /^(?:[\\/]|[a-z]:)|\.gguf$/i.test(id)
  return isPath ? /([^\\/]+?)(?:\.gguf)?[\\/]*$/i.exec(id)?.[1] ?? id : id
}

function namesIn (text: string): string[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw new Error('its list of models is not JSON')
  }
  const { data } = Object(list)
  if (!Array.isArray(data)) throw new Error('its list of models has no "data"')
  return data.map(entry => Object(entry).id).filter(id => typeof id === 'string')
}
