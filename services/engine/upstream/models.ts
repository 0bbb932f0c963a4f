import { readText, send, type UpstreamRequest } from './http.ts'

const FAULTS: Record<number, string> = {
  401: 'it refuses ENGINE_API_KEY',
  403: 'it refuses ENGINE_API_KEY',
  404: 'it has no path /models under ENGINE_URL, which usually ends in /v1'
}

/** The model of an upstream. */
export interface UpstreamModel {
  /** Its name in requests. */
  name: string
  /** The upstream is another service of this kind. */
  sightline: boolean
}

/**
 * Requests the list of models of an upstream.
 * @param wanted the model that the list must contain; empty for the first one of the list
 * @throws Error with a sentence for the operator; the reason of `signal`
 */
export async function readModels (
  request: UpstreamRequest, wanted: string, signal: AbortSignal
): Promise<UpstreamModel> {
  const response = await send(request, signal)
  try {
    const { statusCode = 0 } = response
    if (statusCode !== 200) throw new Error(FAULTS[statusCode] ?? `it returned status ${statusCode}`)
    const models = modelsIn(await readText(response, signal))
    const [first] = models
    const model = wanted === '' ? first : models.find(({ name }) => name === wanted)
    if (model) return model
    if (first === undefined && wanted === '') throw new Error('it lists no models')
    const names = models.slice(0, 5).map(({ name }) => name)
    throw new Error(`it does not serve ENGINE_MODEL=${wanted}, only ${names.join(', ')}`)
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

function modelsIn (text: string): UpstreamModel[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw new Error('its list of models is not JSON')
  }
  const { data } = Object(list)
  if (!Array.isArray(data)) throw new Error('its list of models has no "data"')
  return data.map(Object)
    .filter(({ id }) => typeof id === 'string')
    .map(({ id, owned_by: owner }) => ({ name: id, sightline: owner === 'sightline' }))
}
