import { serviceUrl } from './address.ts'
import { AskError, failureOf } from './failure.ts'
import { apiKey, authorization, forgetKey } from './key.ts'
import type { Status } from './types.ts'

/**
 * Fetches the status of the service.
 * @throws AskError when the service refuses; TypeError when it is unreachable
 */
export async function fetchStatus (): Promise<Status> {
  const key = apiKey.value
  const response = await fetch(serviceUrl('api/status'), { cache: 'no-store', headers: authorization(key) })
  if (response.ok) return await response.json()
  if (response.status === 401) forgetKey(key)
  throw new AskError(failureOf(response.status, await response.text(), response.headers.get('retry-after')))
}
