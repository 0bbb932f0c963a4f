import { readdirSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { SightlineError } from '../../errors/catalogue.ts'
import { decoders } from '../../services/images/decoder/decoders.ts'
import { measurePdf, renderPage } from '../../services/images/documents/pdf.ts'
import { store } from '../services/images/draw.ts'
import { makePdf } from '../../tools/lib/make-pdf.ts'
import { good } from './pdf-parts.ts'
import { hostilePdfs } from './pdf.ts'

const never = new AbortController().signal
const SIZE = { width: 252, height: 364 }
/** Shorter than the limit of the service, so that the slow documents do not take minutes. */
const RENDER_LIMIT_MS = 5000
/** The limits of opening and rendering, and the start of threads on a busy machine. */
const MOST_MS = 30_000

/** Renders the last page. */
async function renderLast (t: Test, pdf: Buffer): Promise<void> {
  const file = await store(t.testdir(), 'a.pdf', pdf)
  const { count } = await measurePdf(file, [], 100_000_000, never)
  const { pages: [page] } = await measurePdf(file, [count], 100_000_000, never)
  await renderPage(file, page!, SIZE, never, RENDER_LIMIT_MS)
  t.same(readdirSync(path.dirname(file.path)), ['a.pdf'])
}

t.test('hostile documents are rendered or refused, within the limits', { timeout: 900_000 }, async t => {
  for (const [what, pdf, outcomes] of hostilePdfs()) {
    const start = performance.now()
    const outcome = await renderLast(t, pdf).then(() => 'accepted', (error: SightlineError) =>
      `${error.code}: ${error.message}`)
    const ms = Math.round(performance.now() - start)
    t.match(outcome, outcomes, `${what}: ${outcome}, ${ms} ms`)
    t.ok(ms < MOST_MS, what)
  }
  t.comment(JSON.stringify(decoders.ended()))
  await renderLast(t, makePdf([good]))
  t.ok(decoders.threads() <= 2)
})
