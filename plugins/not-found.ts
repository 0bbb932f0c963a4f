import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { MethodNotAllowedError, NotFoundError } from '../errors/catalogue.ts'
import { verbatim, type Phrase } from '../errors/language.ts'
import { PATH_ADVICE } from '../errors/phrases.ts'
import { createErrorHandler } from './errors.ts'

/** Paths that clients of other services try. The first pattern that matches decides. */
const ADVICE: Array<[path: RegExp, advice: Phrase]> = [
  // Azure; a base URL that contains the version or the path already.
  [/^\/v1\/(?:v1\b|.*\/v1\b|openai\b|deployments\b|chat\/completions\/)/, PATH_ADVICE.baseUrl],
  // OpenAI's Responses and legacy completions, Anthropic, a base URL with half of the path.
  [/^\/v1\/(?:responses|completions|messages|complete|chat)\b/, PATH_ADVICE.completions],
  [/^\/v1\b/, PATH_ADVICE.openai],
  // A base URL without the version, and Azure.
  [/\/chat\/completions\b|^\/(?:openai|deployments|models|responses|completions?|messages)\b/, PATH_ADVICE.baseUrl],
  // Ollama's other paths, and misspelt ones.
  [/^\/(?:api|generate|chat|chat_stream)\b/, PATH_ADVICE.own]
]
const METHODS = ['GET', 'POST'] as const

/** Answers requests that no route matches with 404 or 405, after the hooks of its context. Bodies are not read. */
const plugin: FastifyPluginAsync = async app => {
  const sendError = createErrorHandler()
  app.removeAllContentTypeParsers()

  app.setNotFoundHandler((request, reply) => {
    const { method } = request
    const path = request.url.split('?')[0]!
    const allowed = methodsOf(request, path)
    if (allowed.length > 0) {
      reply.header('allow', allowed.join(', '))
      return sendError(new MethodNotAllowedError(method, path, allowed.join(', ')), request, reply)
    }
    const advice = ADVICE.find(([pattern]) => pattern.test(normal(path)))?.[1]
    return sendError(new NotFoundError(phraseOf(`${method} ${path}`, advice)), request, reply)
  })
}

function phraseOf (place: string, advice: Phrase | undefined): Phrase {
  return advice === undefined ? verbatim(place) : { en: `${place}; ${advice.en}`, zh: `${place}；${advice.zh}` }
}

/** The methods with which a route has this path. */
function methodsOf ({ server }: FastifyRequest, path: string): string[] {
  const url = normal(path)
  return METHODS.filter(method => server.hasRoute({ method, url }))
}

/** The router ignores the same slashes. */
function normal (path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')
}

export default fp(plugin, { fastify: '5.x', name: 'not-found', dependencies: ['errors'] })
