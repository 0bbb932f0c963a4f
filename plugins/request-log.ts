import { LogController, type FastifyReply, type FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Machines ask this route every few seconds: its requests are logged at `debug`, unless they fail. */
    probe?: boolean
  }
}

/** Fastify's log lines about requests, without those of probes that succeed: in an idle service they are most of the log. */
export class RequestLog extends LogController {
  override incomingRequest (request: FastifyRequest, reply: FastifyReply): void {
    if (isProbe(request)) request.log.debug({ req: request }, 'incoming request')
    else super.incomingRequest(request, reply)
  }

  override requestCompleted (error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const { log, statusCode, elapsedTime } = reply
    if (error || !isProbe(request)) return super.requestCompleted(error, request, reply)
    // The line that says what was asked is missing.
    if (statusCode >= 400) log.info({ req: request, res: reply, responseTime: elapsedTime }, 'request completed')
    else log.debug({ res: reply, responseTime: elapsedTime }, 'request completed')
  }
}

/** Errors that Fastify meets before there is a route have no config. */
function isProbe ({ routeOptions }: FastifyRequest): boolean {
  return routeOptions?.config?.probe === true
}
