import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

export interface Hub {
  url: string
  /** Each request: method and path, whether it has a Range header, and the number of body bytes sent. */
  requests: Array<{ line: string, ranged: boolean, bytes: number }>
  /** After this many bytes over all answers, connections send nothing more. Infinity: never. */
  stallAfter: number
  /** Makes the listing of a repository contain wrong checksums. */
  wrongChecksum: boolean
  /** Makes the listing of a repository fail with 500. */
  listingFails: boolean
}

const PIECE = 256 * 1024
const PAUSE_MS = 5
/** Ends an answer that the client does not read: the resolver requests a file only to learn its size. */
const GIVE_UP_MS = 2_000

/**
 * Replaces the model hub until the test ends: it serves files, with ranges, and the list of a repository's files.
 * HF_ENDPOINT is set to its address.
 * @param files paths on disk by `owner/repo/file`
 */
export async function startHub (t: Test, files: Record<string, string>): Promise<Hub> {
  let sent = 0
  const hub: Hub = { url: '', requests: [], stallAfter: Infinity, wrongChecksum: false, listingFails: false }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://hub')
    const entry = { line: `${request.method} ${pathname}`, ranged: request.headers.range !== undefined, bytes: 0 }
    hub.requests.push(entry)
    const repo = /^\/api\/models\/(.+)\/revision\/main$/.exec(pathname)?.[1]
    if (repo !== undefined && hub.listingFails) return response.writeHead(500).end()
    if (repo !== undefined) return response.end(JSON.stringify(listing(repo)))
    const file = files[pathname.slice(1).replace('/resolve/main', '')]
    if (file === undefined) return response.writeHead(404).end()
    const { size } = statSync(file)
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '')
    const start = range ? Number(range[1]) : 0
    const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1
    response.writeHead(range ? 206 : 200, {
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      ...range && { 'content-range': `bytes ${start}-${end}/${size}` }
    })
    if (request.method === 'HEAD') return response.end()
    void send(file, start, end, response, entry)
  })

  function listing (repo: string): object {
    const siblings = Object.entries(files).filter(([name]) => name.startsWith(`${repo}/`)).map(([name, file]) => ({
      rfilename: name.slice(repo.length + 1),
      size: statSync(file).size,
      lfs: {
        sha256: hub.wrongChecksum ? '0'.repeat(64) : createHash('sha256').update(readFileSync(file)).digest('hex')
      }
    }))
    return { id: repo, siblings }
  }

  async function send (
    file: string, start: number, end: number, response: ServerResponse, entry: Hub['requests'][number]
  ): Promise<void> {
    // Sent slowly, so that a client which stops early has not yet received the whole file.
    for await (const chunk of createReadStream(file, { start, end, highWaterMark: PIECE })) {
      if (response.destroyed) return
      if (sent >= hub.stallAfter) return
      sent += chunk.length
      entry.bytes += chunk.length
      const written = response.write(chunk)
      await (written
        ? sleep(PAUSE_MS)
        : once(response, 'drain', { signal: AbortSignal.timeout(GIVE_UP_MS) }).catch(() => response.destroy()))
    }
    response.end()
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  process.env.HF_ENDPOINT = hub.url
  t.teardown(() => {
    delete process.env.HF_ENDPOINT
    server.closeAllConnections()
    server.close()
  })
  return hub
}

/** The `owner/repo/file` part of an `hf:` address. */
export function hubPath (uri: string): string {
  return uri.slice('hf:'.length)
}
