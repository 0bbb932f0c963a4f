import { LogController, type FastifyReply, type FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** True for a route that monitoring polls. Its requests are logged at level `debug`, unless they fail. */
    probe?: boolean
  }
}

/** Fastify's log lines about requests, without successful probes, which would be most of the log of an idle service. */
export class RequestLog extends LogController {
  override incomingRequest (request: FastifyRequest, reply: FastifyReply): void {
    if (isProbe(request)) request.log.debug({ req: request }, 'incoming request')
    else super.incomingRequest(request, reply)
  }

  override requestCompleted (error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const { log, statusCode, elapsedTime } = reply
    if (error || !isProbe(request)) return super.requestCompleted(error, request, reply)
    // The line of the incoming request was not logged, so this one contains the request.
    if (statusCode >= 400) log.info({ req: request, res: reply, responseTime: elapsedTime }, 'request completed')
    else log.debug({ res: reply, responseTime: elapsedTime }, 'request completed')
  }
}

/** Requests that fail before they have a route have no config. */
function isProbe ({ routeOptions }: FastifyRequest): boolean {
  return routeOptions?.config?.probe === true
}
