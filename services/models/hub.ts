import { closestProjectors, isProjectorName } from './projector-names.ts'

/** A file of a repository on the Hugging Face hub. */
export interface HubFile {
  name: string
  /** Bytes. Null if the hub does not report them. */
  size: number | null
  sha256: string | null
}

/** An address like `hf:owner/repo:quant` or `hf:owner/repo/file#branch`. */
export interface HubAddress {
  repo: string
  branch: string
  /** Null if the address names a quantisation instead of a file. */
  file: string | null
}

const ADDRESS = /^(?:hf|huggingface):(?:\/\/)?([^/:#]+\/[^/:#]+)(?::[^/#]*|\/([^#]+))?(?:#(.+))?$/
const TIMEOUT_MS = 15_000

/** Returns null if a URI is not an address on the hub. */
export function parseHubAddress (uri: string): HubAddress | null {
  const match = ADDRESS.exec(uri)
  return match && { repo: match[1]!, file: match[2] ?? null, branch: match[3] ?? 'main' }
}

/**
 * Checks that the hub responds, because a download would retry for minutes without a word.
 * @throws Error with a sentence for the operator; the reason of `signal`
 */
export async function assertHubReachable (signal?: AbortSignal): Promise<void> {
  const url = endpoint()
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  const either = signal ? AbortSignal.any([signal, timeout]) : timeout
  await fetch(url, { method: 'HEAD', redirect: 'manual', signal: either }).catch((error: Error) => {
    signal?.throwIfAborted()
    const reason = `${url.host} cannot be reached: ${reasonOf(error)}`
    throw new Error(`${reason}; set HF_ENDPOINT to a mirror, or put the file into MODELS_DIR`)
  })
}

function endpoint (): URL {
  return new URL((process.env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/?$/, '/'))
}

function reasonOf (error: Error): string {
  return (error.cause as Error | undefined)?.message || error.message
}

/**
 * Lists the files of a repository.
 * @throws Error with a sentence for the operator
 */
export async function listHubFiles ({ repo, branch }: HubAddress): Promise<HubFile[]> {
  const { HF_TOKEN } = process.env
  const url = new URL(`api/models/${repo}/revision/${encodeURIComponent(branch)}?blobs=true`, endpoint())
  const response = await fetch(url, {
    headers: HF_TOKEN ? { authorization: `Bearer ${HF_TOKEN}` } : {}, signal: AbortSignal.timeout(TIMEOUT_MS)
  }).catch((error: Error) => {
    throw new Error(`${url.host} cannot be reached for the files of ${repo}: ${reasonOf(error)}`)
  })
  if (!response.ok) throw new Error(`${url.host} does not list the files of ${repo}: HTTP ${response.status}`)
  const { siblings } =
    await response.json() as { siblings?: Array<{ rfilename: string, size?: number, lfs?: { sha256?: string } }> }
  return (siblings ?? []).map(({ rfilename, size, lfs }) =>
    ({ name: rfilename, size: size ?? null, sha256: lfs?.sha256 ?? null }))
}

/**
 * Returns the address of the projector in a repository, or null if it has none. Among several it prefers the one whose
 * name is closest to the model's, and then 8 bits to 16.
 */
export async function projectorOnHub (address: HubAddress): Promise<string | null> {
  const names = (await listHubFiles(address)).map(({ name }) => name).filter(isProjectorName)
  if (names.length === 0) return null
  const [chosen] = closestProjectors(`${address.repo}/${address.file ?? ''}`, names)
  return `hf:${address.repo}/${chosen}${address.branch === 'main' ? '' : `#${address.branch}`}`
}
