import t from 'tap'
import { Value } from 'typebox/value'
import { ReceiptSchema } from '../../../schemas/image.ts'
import type { ImageHeader } from '../../../services/images/inspect.ts'
import { createReceipt } from '../../../services/images/receipt.ts'

const file = { id: `sha256:${'0f'.repeat(32)}`, bytes: 12_345 }
const header: ImageHeader = {
  format: 'jpeg',
  width: 4000,
  height: 3000,
  orientation: 1,
  pages: 1,
  bits: 8,
  depth: 'uchar',
  zeroIsWhite: false,
  channels: 3,
  space: 'srgb',
  palette: false,
  hasAlpha: false,
  hasExtra: false,
  nodata: null,
  hasProfile: false
}
const size = { width: 1008, height: 756, tokens: 972, scaled: false }
const image = { file, header, size, cached: false }

t.test('a receipt matches its schema', async t => {
  const receipt = createReceipt(image)
  t.same(receipt, {
    id: file.id,
    original: { width: 4000, height: 3000 },
    sent: { width: 1008, height: 756 },
    format: 'jpeg',
    bytes: 12_345,
    tokens: 972,
    compressed: true,
    scaled: false,
    cached: false
  })
  t.ok(Value.Check(ReceiptSchema, receipt))
})

t.test('an image that already has the required form is not compressed', async t => {
  const ready = { ...header, width: 1008, height: 756 }
  t.equal(createReceipt({ ...image, header: ready }).compressed, false)
  t.equal(createReceipt({ ...image, header: { ...ready, hasAlpha: true } }).compressed, true)
})

t.test('the schema describes every property', async t => {
  for (const [name, schema] of Object.entries(ReceiptSchema.properties)) t.match(schema, { description: String }, name)
})

t.test('the schema accepts no other property and no other id', async t => {
  const receipt = createReceipt(image)
  t.notOk(Value.Check(ReceiptSchema, { ...receipt, path: '/tmp/x' }))
  t.notOk(Value.Check(ReceiptSchema, { ...receipt, id: 'sha256:00' }))
})
