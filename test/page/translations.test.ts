import t from 'tap'
import { en, type Key } from '../../web/src/i18n/en.ts'
import { zh } from '../../web/src/i18n/zh.ts'

t.test('a translation has the same placeholders as the English sentence', async t => {
  const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort()
  for (const key of Object.keys(en) as Key[]) t.same(placeholders(zh[key]), placeholders(en[key]), key)
})
