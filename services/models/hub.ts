/** What a repository on the hub tells of one of its files. */
export interface HubFile {
  name: string
  /** Bytes; null where the hub does not say. */
  size: number | null
  sha256: string | null
}

/** `hf:owner/repo:quant`, or `hf:owner/repo/file#branch`. */
export interface HubAddress {
  repo: string
  branch: string
  /** Null when a quantisation is named, and not a file. */
  file: string | null
}

const ADDRESS = /^(?:hf|huggingface):(?:\/\/)?([^/:#]+\/[^/:#]+)(?::[^/#]*|\/([^#]+))?(?:#(.+))?$/
const TIMEOUT_MS = 15_000
/** Of an image tower little is lost with eight bits, and half of the memory is. */
const PREFERRED = [/q8_0/i, /[^b]f16/i, /bf16/i]

/** Null when it is no address on the hub. */
export function parseHubAddress (uri: string): HubAddress | null {
  const match = ADDRESS.exec(uri)
  return match && { repo: match[1]!, file: match[2] ?? null, branch: match[3] ?? 'main' }
}

/**
 * Lists the files of a repository.
 * @throws Error with a sentence
 */
export async function listHubFiles ({ repo, branch }: HubAddress): Promise<HubFile[]> {
  const { HF_ENDPOINT, HF_TOKEN } = process.env
  const url = new URL(
    `api/models/${repo}/revision/${encodeURIComponent(branch)}?blobs=true`,
    (HF_ENDPOINT || 'https://huggingface.co').replace(/\/?$/, '/')
  )
  const response = await fetch(url, {
    headers: HF_TOKEN ? { authorization: `Bearer ${HF_TOKEN}` } : {}, signal: AbortSignal.timeout(TIMEOUT_MS)
  })
    .catch((error: Error) => {
      throw new Error(
      `${url.host} cannot be asked for the files of ${repo}: ${(error.cause as Error | undefined)?.message ??
        error.message}`
      )
    })
  if (!response.ok) throw new Error(`${url.host} does not tell the files of ${repo}: HTTP ${response.status}`)
  const { siblings } =
    await response.json() as { siblings?: Array<{ rfilename: string, size?: number, lfs?: { sha256?: string } }> }
  return (siblings ?? []).map(({ rfilename, size, lfs }) =>
    ({ name: rfilename, size: size ?? null, sha256: lfs?.sha256 ?? null }))
}

/** The address of the projector in the same repository; null when it has none. */
export async function projectorOnHub (address: HubAddress): Promise<string | null> {
  const names = (await listHubFiles(address)).map(({ name }) => name).filter(name => /mmproj[^/]*\.gguf$/i.test(name))
  const chosen = PREFERRED.map(kind => names.find(name => kind.test(name))).find(name => name !== undefined) ?? names[0]
  return chosen === undefined
    ? null
    : `hf:${address.repo}/${chosen}${address.branch === 'main' ? '' : `#${address.branch}`}`
}
