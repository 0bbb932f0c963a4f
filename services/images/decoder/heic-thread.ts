/** The thread that decodes HEIC with libheif. It answers each `ThreadJob` with a `ThreadMessage`. */
import { serveDecoder } from './serve.ts'

await serveDecoder(async () => { throw new Error('not built yet') })
