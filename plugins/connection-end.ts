import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The callbacks of the unfinished requests on each connection. */
const requests = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls back once, when the response of a request or its connection has closed. A response that is queued behind
 * another one on its connection never emits `close` itself. A connection has one listener for all pipelined requests.
 * @returns a function that withdraws the callback
 */
export function onConnectionEnd (
  { raw: { socket } }: FastifyRequest, { raw: response }: FastifyReply, callback: () => void
): () => void {
  const callbacks = requests.get(socket) ?? watch(socket)
  const withdraw = () => {
    callbacks.delete(end)
    response.off('close', end)
  }
  const end = () => {
    withdraw()
    callback()
  }
  callbacks.add(end)
  response.once('close', end)
  // A hook may run after the connection has closed. No event follows then.
  if (socket.closed) setImmediate(() => { if (callbacks.has(end)) end() })
  return withdraw
}

function watch (socket: Socket): Set<() => void> {
  const callbacks = new Set<() => void>()
  requests.set(socket, callbacks)
  socket.once('close', () => { for (const callback of [...callbacks]) callback() })
  return callbacks
}
