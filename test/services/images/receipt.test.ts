import t from 'tap'
import { Value } from 'typebox/value'
import { createReceipt, ReceiptSchema } from '../../../services/images/receipt.ts'

const input = {
  id: `sha256:${'0f'.repeat(32)}`,
  bytes: 12_345,
  header: { width: 4000, height: 3000, format: 'jpeg' as const },
  planned: { width: 1008, height: 756, tokens: 972, scaled: false },
  compressed: true,
  cached: false
}

t.test('makes a receipt that its schema accepts', async t => {
  const receipt = createReceipt(input)
  t.same(receipt, {
    id: input.id,
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

t.test('describes every property', async t => {
  for (const [name, schema] of Object.entries(ReceiptSchema.properties)) t.match(schema, { description: String }, name)
})

t.test('accepts no other property and no other id', async t => {
  const receipt = createReceipt(input)
  t.notOk(Value.Check(ReceiptSchema, { ...receipt, path: '/tmp/x' }))
  t.notOk(Value.Check(ReceiptSchema, { ...receipt, id: 'sha256:00' }))
})
