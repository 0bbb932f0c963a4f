import t, { type Test } from 'tap'
import type { SightlineError } from '../../errors/catalogue.ts'
import { decoders } from '../../services/images/decoder/decoders.ts'
import { measurePdf, renderPage } from '../../services/images/documents/pdf.ts'
import { store } from '../services/images/draw.ts'
import { line, makePdf, rectangle } from '../make-pdf.ts'
import { fuzz, refusesOnly } from './fuzz.ts'
import { mutateBytes } from './mutate.ts'
import { hostilePdfs } from './pdf.ts'

const never = new AbortController().signal
const SIZE = { width: 252, height: 364 }

async function renderFirst (t: Test, pdf: Buffer): Promise<void> {
  const file = await store(t.testdir(), 'a.pdf', pdf)
  const { pages: [page] } = await measurePdf(file, [1], 100_000_000, never)
  await renderPage(file, page!, SIZE)
}

t.test('hostile documents are rendered or refused, within the limits', { timeout: 600_000 }, async t => {
  for (const [what, pdf, outcomes] of hostilePdfs()) {
    const start = performance.now()
    const outcome = await renderFirst(t, pdf).then(() => 'accepted', (error: SightlineError) =>
      `${error.code}: ${error.message}`)
    const ms = Math.round(performance.now() - start)
    t.match(outcome, outcomes, `${what}: ${outcome}, ${ms} ms`)
    t.ok(ms < 45_000, what)
  }
  t.comment(JSON.stringify(decoders.ended()))
  await renderFirst(t, makePdf([{}]))
  t.ok(decoders.threads() <= 2)
})

t.test('truncated and fuzzed documents', async t => {
  const content = rectangle('1 0 0', 100, 100, 300, 300) + line('Hello', 50, 700, 30)
  const good = makePdf([{ content }, { content, more: '/Rotate 90' }])
  await fuzz(t, 60, async (below, index) => {
    const pdf = index % 4 === 0 ? good.subarray(0, below(good.length)) : mutateBytes(good, below)
    await refusesOnly(async () => await renderFirst(t, pdf), pdf)
  })
})
