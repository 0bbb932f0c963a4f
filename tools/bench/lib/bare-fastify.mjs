/** The reference for refusals: a bare Fastify that answers every POST with 429 before it reads the body. */
import Fastify from 'fastify'

const app = Fastify({ logger: false })
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
app.addHook('onRequest', async (request, reply) => {
  if (request.method === 'POST') {
    return reply.code(429).header('retry-after', 1).send({
      error: 'All slots are busy; try again in a moment', code: 'SERVER_BUSY', request_id: request.id
    })
  }
})
app.get('/', async () => 'ok')
app.post('/api/chat_stream', async () => 'never')
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })
process.once('SIGTERM', () => process.exit())
