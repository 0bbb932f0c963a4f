import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface OpenapiOptions { version: string }

type Json = Record<string, unknown>

const DESCRIPTION = `Chat about several pictures at once with a Qwen-VL model.

Every error has a stable \`code\`. Sentences are English, or Chinese where \`Accept-Language\` prefers it. A request that works with the model
takes one of a few slots, or gets 429 at once. Keys are needed only where the operator has set some.`

/** Collects the routes' schemas into `GET /openapi.json` (OpenAPI 3.1), and shows them at `/docs`. Registered before the routes. */
const plugin: FastifyPluginAsync<OpenapiOptions> = async (app, { version }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sightline', version, description: DESCRIPTION },
      servers: [{ url: '/', description: 'The service itself' }],
      tags: [
        { name: 'chat', description: 'Questions about pictures' },
        { name: 'openai', description: 'The same for clients that speak OpenAI\'s dialect' },
        { name: 'service', description: 'How the service is' }
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'One of API_KEYS' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'One of API_KEYS' }
        }
      },
      security: [{ bearer: [] }, { apiKey: [] }, {}]
    },
    transformObject: document =>
      'openapiObject' in document ? nameSchemas(document.openapiObject as Json) : document.swaggerObject
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // Its files, and the service that it tries, are addressed from where it is: it may be below a path of a proxy.
    indexPrefix: '.',
    transformSpecification: specification =>
      ({ ...specification, servers: [{ url: '..', description: 'The service itself' }] }),
    staticCSP: true,
    // Its own policy allows any host's styles, and sends browsers to https: where there is none.
    transformStaticCSP: () => [
      "default-src 'none'",
      ["script-src 'self'", ...app.swaggerCSP.script].join(' '),
      ["style-src 'self'", ...app.swaggerCSP.style].join(' '),
      "img-src 'self' data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'"
    ].join('; ')
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}

/** Moves every schema that has a title to `components`, so that generated clients have a type for it. */
function nameSchemas (document: Json): object {
  const named: Json = {}
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit)
    if (typeof value !== 'object' || value === null) return value
    const { title, ...rest } = Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, key.startsWith('example') ? inner : visit(inner)])
    ) as Json
    if (typeof title !== 'string') return title === undefined ? rest : { ...rest, title }
    if (named[title] && JSON.stringify(named[title]) !== JSON.stringify(rest)) {
      throw new Error(`Two schemas are called ${title}`)
    }
    named[title] = rest
    return { $ref: `#/components/schemas/${title}` }
  }
  const paths = visit(document.paths)
  return { ...document, paths, components: { ...document.components as Json, schemas: named } }
}

export default fp(plugin, { fastify: '5.x', name: 'openapi' })
