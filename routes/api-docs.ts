import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'

/** `GET /openapi.json`: the OpenAPI document. `GET /docs`: a page that shows it and can send requests. */
const route: FastifyPluginAsync = async app => {
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // The page finds its files and the service by relative addresses, because a proxy may serve it below any path.
    indexPrefix: '.',
    transformSpecification: specification =>
      ({ ...specification, servers: [{ url: '..', description: 'This service' }] }),
    staticCSP: true,
    // The page's own policy allows styles of any host, and redirects browsers to https even if there is none.
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

export default route
