import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createRawServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import {
  createImageFetcher, type Network, type ImageFetcher, type ImageFetcherOptions
} from '../../../services/uploads/fetch-image.ts'
import { isPublicAddress } from '../../../services/uploads/public-address.ts'

export const FIELD = 'messages[0].content[1].image_url.url'
export const never = new AbortController().signal

/** A server on loopback that counts its connections. */
export interface ImageHost {
  port: number
  /** Number of connections since the start. */
  connections (): number
  requests: IncomingMessage[]
  /** Waits until no connection is open; throws after two seconds. */
  quiet (): Promise<void>
}

export async function startHost (
  t: Test, answer: RequestListener, address = '127.0.0.1', port = 0
): Promise<ImageHost> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  return { ...await listen(t, server, address, port), requests }
}

/** Starts a server that writes raw bytes. */
export async function startRawHost (t: Test, answer: (socket: Socket, request: string) => void): Promise<ImageHost> {
  const server = createRawServer(socket => {
    socket.on('error', () => {})
    socket.once('data', request => answer(socket, request.toString()))
  })
  return { ...await listen(t, server), requests: [] }
}

export async function listen (
  t: Test, server: Server, address = '127.0.0.1', port = 0
): Promise<Omit<ImageHost, 'requests'>> {
  let connections = 0
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections++
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async quiet () {
      for (let i = 0; i < 200; i++) {
        if (await count(server) === 0) return
        await sleep(10)
      }
      throw new Error(`${await count(server)} connections are still open after two seconds`)
    }
  }
}

function count (server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, number) => error ? reject(error) : resolve(number)))
}

/** Creates a fetcher for which every host resolves to 127.0.0.1, which counts as public. */
export function createTestFetcher (
  port: number, { network, ...options }: Partial<ImageFetcherOptions> = {}
): ImageFetcher {
  return createImageFetcher({
    hosts: ['pictures.test'],
    maxFileSizeMb: 1,
    timeoutMs: 5000,
    network: { ...createLoopback(port), ...network },
    ...options
  })
}

export function createLoopback (...ports: number[]): Partial<Network> {
  return {
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    isPublic: address => address === '127.0.0.1' || isPublicAddress(address),
    ports
  }
}

/** Fetches all bytes of an image. */
export async function fetchAll (fetcher: ImageFetcher, url: string, signal = never): Promise<Buffer> {
  const stream: Readable = await fetcher.open(url, FIELD, signal)
  return buffer(stream)
}
