import { Ajv } from 'ajv'
import t from 'tap'
import { grammarOfSchema } from '../../services/chat/schema-grammar/index.ts'
import { en } from '../../web/src/i18n/en.ts'
import { SCHEMA_PRESETS } from '../../web/src/model/schema-presets.ts'

const SAMPLES: Record<string, { good: unknown, bad: unknown }> = {
  'json.presetTable': { good: [{ Fruit: 'apple', Price: 1.2, Note: null }, { 水果: '梨' }], bad: [{ a: {} }] },
  'json.presetText': { good: { lines: ['one', 'two'] }, bad: { lines: 'one' } },
  'json.presetObjects': {
    good: [{ bbox_2d: [1, 2, 3, 4], label: 'heart' }], bad: [{ bbox_2d: [1, 2, 3], label: 'heart' }]
  },
  'json.presetReceipt': {
    good: {
      seller: 'Shop',
      date: null,
      currency: 'EUR',
      items: [{ name: 'Tea', quantity: 2, price: 3.5 }],
      tax: null,
      total: 7
    },
    bad: { seller: 'Shop', items: [] }
  }
}

t.test('every preset schema has a name, is enforced by the service and accepts its example', async t => {
  t.same(SCHEMA_PRESETS.map(({ name }) => name).sort(), Object.keys(SAMPLES).sort())
  const ajv = new Ajv({ allowUnionTypes: true })
  for (const { name, schema } of SCHEMA_PRESETS) {
    t.ok(en[name], name)
    t.match(grammarOfSchema(schema), /^root ::= /m, `${name} is enforced`)
    const validate = ajv.compile(schema)
    t.ok(validate(SAMPLES[name]?.good), `${name} takes an answer: ${ajv.errorsText(validate.errors)}`)
    t.notOk(validate(SAMPLES[name]?.bad), `${name} refuses another`)
  }
})
