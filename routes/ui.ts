import { existsSync } from 'node:fs'
import path from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'
import { NotFoundError } from '../errors/catalogue.ts'

export interface UiRouteOptions {
  /** What the build made of `web/`: `index.html`, and `assets/`, whose names carry a hash of what is in them. */
  dir: string
}

/** The page runs its own scripts and styles, and shows images that it has itself; it talks to this service and to nobody else. */
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
const PERMISSIONS = 'camera=(self), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()'
const NOT_BUILT = {
  en: 'GET /: the page has not been built; run "npm run build"',
  zh: 'GET /（页面尚未构建，请运行 "npm run build"）'
}

/**
 * `GET /`: the page. Its files need no key, since they hold no secret and the page is where a key is asked for; what it then asks the API for does. It
 * uses no address but relative ones, so that a proxy may show it under any path.
 */
const route: FastifyPluginAsync<UiRouteOptions> = async (app, { dir }) => {
  app.addHook('onRoute', route => { route.config = { ...route.config, public: true } })
  await app.register(fastifyStatic, {
    root: path.join(dir, 'assets'),
    prefix: '/assets/',
    // Copies that the build has compressed.
    preCompressed: true,
    immutable: true,
    maxAge: '1y',
    // A service without a page is one all the same.
    suppressWarning: true,
    logLevel: 'warn'
  })

  app.get('/', { schema: { hide: true } }, async (_request, reply) => {
    // Looked up each time: the page may be built, or built anew, under a running service.
    if (!existsSync(path.join(dir, 'index.html'))) throw new NotFoundError(NOT_BUILT)
    reply.headers({ 'content-security-policy': POLICY, 'permissions-policy': PERMISSIONS, 'cache-control': 'no-cache' })
    return reply.sendFile('index.html', dir, { cacheControl: false })
  })
}

export default route
