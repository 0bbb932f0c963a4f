import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { decoders } from '../../services/images/decoder/decoders.ts'
import { PDF_OPEN_LIMIT_MS, PDF_RENDER_LIMIT_MS } from '../../services/images/documents/pdf.ts'
import { createForm, startService } from '../helper.ts'
import {
  FIRST_PAGE, line, makePdf, rectangle, stream, type PdfOptions, type PdfPage
} from '../../tools/lib/make-pdf.ts'
import { CASE_MS, fuzz, show } from './fuzz.ts'
import { mutateBytes, mutateText, pick, type Below } from './mutate.ts'
import { form, image, other } from './pdf-parts.ts'

/** Operators, names and numbers that a content stream or an object may contain. */
const WORDS = [
  'q ', 'Q ', 'cm ', 'Do ', '/X ', '/F1 ', '/P ', '/G gs ', 'BT ', 'ET ', 'Tf ', 'Td ', 'Tj ', 'TJ ', 're f ',
  're W n ',
  'S ', 'B ', 'sh ', 'scn ', '/Pattern cs ', '/DeviceCMYK cs ', 'BI /W 9 /H 9 /CS /RGB /BPC 8 ID ', 'EI ', '[', ']',
  '<<',
  '>>', '(', ')', '<', '>', '0 ', '-1 ', '1e38 ', '0.0000001 ', '2147483647 ', '-2147483648 ', '99999999999999999999 ',
  'true ', 'null ', 'R ', `${FIRST_PAGE} 0 R `, '2 0 R ', `${other()} `, '/Filter /FlateDecode ', '/Filter /DCTDecode ',
  '/Filter /JBIG2Decode ', '/Filter /JPXDecode ', '/Filter /CCITTFaxDecode ', '/Length ', '/Type /Page ', '/Kids ',
  'stream\n', 'endstream ', 'endobj ', 'xref ', 'trailer '
]

const content = `q 300 0 0 300 0 0 cm /X Do Q ${rectangle('1 0 0', 100, 100, 300, 300)}` +
  `${line('Hello', 50, 700, 30)} /Pattern cs /P scn 0 400 200 200 re f /S sh /G gs 0 0 9 9 re B`
const page: PdfPage = {
  content,
  mediaBox: [0, 0, 400, 800],
  resources: `/XObject << /X ${other()} >> /Pattern << /P ${other(1)} >> /Shading << /S ${other(2)} >> ` +
    `/ExtGState << /G << /ca 0.5 /SMask << /S /Luminosity /G ${other(4)} >> >> >>`,
  more: `/Annots [${other(5)}]`
}
const options: PdfOptions = {
  objects: [
    image(4, 4, Buffer.alloc(48, 'abcdefg'), `/ColorSpace /DeviceRGB /BitsPerComponent 8 /SMask ${other(6)}`),
    stream(
      '/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 9 /YStep 9 /Resources << >>',
      '0 0 5 5 re f'
    ),
    `<< /ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 400 0] /Function ${other(3)} >>`,
    '<< /FunctionType 2 /Domain [0 1] /N 1 /C0 [1 0 0] /C1 [0 0 1] >>',
    form('1 g 0 0 400 800 re f', '', '/Group << /S /Transparency /CS /DeviceGray >>'),
    `<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Alice) /Rect [100 690 300 740] /F 4 /P ${FIRST_PAGE} 0 R ` +
      '/DA (/F1 40 Tf 0 g) >>',
    image(4, 4, Buffer.alloc(16, 'xyz'), '/ColorSpace /DeviceGray /BitsPerComponent 8')
  ],
  catalog: `/AcroForm << /Fields [${other(5)}] /DR << /Font << /F1 3 0 R >> >> >>`
}
const pages = [page, { ...page, more: '/Rotate 90' }]
const SEEDS = [makePdf(pages, options), makePdf(pages, { ...options, compressed: true })]
const [plain] = SEEDS as [Buffer, Buffer]

/** Makes a damaged document. */
function damaged (below: Below, index: number): Buffer {
  const seed = SEEDS[below(SEEDS.length)]!
  switch (index % 4) {
    case 0: return seed.subarray(0, below(seed.length))
    case 1: return mutateBytes(seed, below)
    // The structure stays intact, so that PDFium draws what is left.
    case 2: return makePdf([{ ...page, content: mutateText(content, WORDS, below) }], {
      ...options, compressed: below(2) === 0
    })
    default: return Buffer.from(mutateText(plain.toString('latin1'), WORDS, below), 'latin1')
  }
}

t.test('damaged documents get an answer or a refusal, and leave nothing behind', async t => {
  const service = await startService(t, { CONTEXT_SIZE: '1024', MAX_CONCURRENT_REQUESTS: '2' })
  const { pid } = service.engine.info()
  const endings: Record<string, number> = {}
  await fuzz(t, 80, async (below, index) => {
    const pdf = damaged(below, index)
    const leaves = index % 10 === 9
    const ending = await ask(pdf, pick(['1', '2', '1-2'], below), leaves ? below(200) : null)
    endings[ending] = (endings[ending] ?? 0) + 1
    if (!/^(200|4\d\d|left)/.test(ending)) throw new Error(`${ending} for ${show(pdf)}`)
  }, CASE_MS + PDF_OPEN_LIMIT_MS + 2 * PDF_RENDER_LIMIT_MS)
  await service.quiet()
  t.match(service.engine.info(), { state: 'ready', restarts: 0, pid }, 'the engine did not restart')
  t.ok(decoders.threads() <= 2)
  t.comment(JSON.stringify({ endings, ended: decoders.ended() }))

  /** @param leaveMs the client disconnects after this time */
  async function ask (pdf: Buffer, pages: string, leaveMs: number | null): Promise<string> {
    const controller = new AbortController()
    const body = createForm({ message: 'Hi', max_tokens: '1', pages }, [{ data: pdf, name: 'a.pdf' }])
    const asked = fetch(`${service.url}/api/chat`, { method: 'POST', body, signal: controller.signal })
      .then(async response => `${response.status} ${(await response.json() as { code?: string }).code ?? ''}`)
    if (leaveMs !== null) void sleep(leaveMs).then(() => controller.abort())
    return await asked.catch(error => {
      if (controller.signal.aborted) return 'left'
      throw error
    })
  }
})
