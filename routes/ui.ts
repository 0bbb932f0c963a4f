import { existsSync } from 'node:fs'
import path from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'
import { NotFoundError } from '../errors/catalogue.ts'

export interface UiRouteOptions {
  /** The built page: `index.html`, and `assets/` with files whose names contain a hash of their content. */
  dir: string
}

/** The page may run its own scripts and styles, show its own images, and send requests to this service only. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')
/** A worker has the policy of its own file. Those of the page compile WebAssembly, which the page itself may not. */
const WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
const PERMISSIONS = 'camera=(self), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()'
const NOT_BUILT = {
  en: 'GET /: the page has not been built; run "npm run build"',
  zh: 'GET /（页面尚未构建，请运行 "npm run build"）'
}

/**
 * `GET /` and `GET /assets/*`: the page. Its files contain no secret and need no key; the page asks for a key before it
 * uses the API. It only uses relative addresses, because a proxy may serve it below any path.
 */
const route: FastifyPluginAsync<UiRouteOptions> = async (app, { dir }) => {
  await app.register(fastifyStatic, {
    root: path.join(dir, 'assets'),
    prefix: '/assets/',
    // `npm run build` writes compressed copies.
    preCompressed: true,
    immutable: true,
    maxAge: '1y',
    setHeaders (reply, file) {
      if (/-worker-[^/]+\.js(\.br|\.gz)?$/.test(file)) reply.header('content-security-policy', WORKER_POLICY)
    },
    // The service works without a built page.
    suppressWarning: true,
    logLevel: 'warn'
  })

  app.get('/', { schema: { hide: true } }, async (_request, reply) => {
    // Checked for each request: the page may be built while the service runs.
    if (!existsSync(path.join(dir, 'index.html'))) throw new NotFoundError(NOT_BUILT)
    reply.headers({ 'content-security-policy': POLICY, 'permissions-policy': PERMISSIONS, 'cache-control': 'no-cache' })
    return reply.sendFile('index.html', dir, { cacheControl: false })
  })
}

export default route
