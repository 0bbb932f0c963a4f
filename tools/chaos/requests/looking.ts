import { getRequest } from '../lib/http.ts'
import { draft, type Kind } from './kind.ts'

const PAGES: Array<[path: string, right: string[]]> = [
  ['/api/status', ['answer']],
  ['/health/live', ['answer']],
  // While the engine restarts, these report that it is not ready.
  ['/health/ready', ['answer', 'error 503']],
  ['/v1/models', ['answer', 'error 503 ENGINE_NOT_READY']],
  ['/v1/models/gpt-5', ['error 404 MODEL_NOT_FOUND', 'error 503 ENGINE_NOT_READY']],
  ['/openapi.json', ['answer']]
]

/** Requests that need no slot. */
export const looking: Kind[] = [{
  name: 'looking',
  weight: 3,
  make ({ draw }) {
    const [path, right] = draw.pick(PAGES)
    return draft(getRequest(path), right, { detail: path })
  }
}]
