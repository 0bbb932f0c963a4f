import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import * as errors from '../../errors/catalogue.ts'
import { preferredLanguage, verbatim } from '../../errors/language.ts'
import { ROOT } from '../../config/root.ts'
import { startService } from '../helper.ts'
import { connectRaw } from '../raw-client.ts'
import { until } from '../server-process.ts'

const KINDS = Object.values(errors).filter(
  it => typeof it === 'function' && it.prototype instanceof errors.SightlineError
) as unknown as Array<new (...args: unknown[]) => errors.SightlineError>

/** Errors whose sentence is their argument. */
const REPEATING = new Set(['VALIDATION', 'UNAUTHORIZED'])

/** An argument for any error: a phrase that also works as a name. */
const anyArgument = (text: string) => ({ ...verbatim(text), toString: () => text })

t.test('every error has a unique code, a status and a sentence in both languages', async t => {
  // The sentence of a ValidationError is its argument.
  const made = KINDS.map(Kind => Kind as unknown === errors.ValidationError
    ? new errors.ValidationError('<a>')
    : new Kind(...['<a>', '<b>', '<c>', '<d>'].map(anyArgument)))
  t.ok(made.length > 35)
  t.equal(new Set(made.map(error => error.code)).size, made.length)
  for (const error of made) {
    t.match(error.code, /^[A-Z][A-Z_]+$/)
    t.ok(error.statusCode >= 400 && error.statusCode < 600)
    const [en, zh] = [error.sentence('en'), error.sentence('zh')]
    t.equal(en, error.message)
    if (!REPEATING.has(error.code)) t.match(zh, /[\u4e00-\u9fff]/, `${error.code} has a Chinese sentence`)
    t.notMatch(en + zh, /undefined|\[object/, error.code)
    const given = (sentence: string) => sentence.match(/<[abcd]>/g)?.sort()
    t.strictSame(given(zh), given(en), `${error.code} has the same parameters in both languages`)
  }
})

t.test('docs/api.md contains every code with its status', async t => {
  const rows = new Map([
    ...readFileSync(path.join(ROOT, 'docs/api.md'), 'utf8').matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)
  ].map(row => [row[1], Number(row[2])]))
  const made = KINDS.map(Kind => new Kind(...['', '', '', ''].map(anyArgument)))
  t.strictSame([...rows].sort(), made.map(error => [error.code, error.statusCode]).sort())
})

t.test('docs/operations.md advises operators on every code exactly once', async t => {
  const [, section = ''] = readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8').split('### By error code')
  const cells = [...section.matchAll(/^\| (`[A-Z_`, ]+) \| .{10,} \| .{5,} \|$/gm)].flatMap(([, codes]) =>
    codes!.match(/[A-Z_]+/g) ?? [])
  t.strictSame(cells.sort(), KINDS.map(Kind => new Kind(...['', '', '', ''].map(anyArgument)).code).sort())
})

t.test('withDetails keeps the details that an error already has', async t => {
  const error = errors.withDetails(errors.withDetails(new errors.NoVisionError(), { a: 1 }), { b: 2 })
  t.same(error.details, { a: 1, b: 2 })
})

t.test('the language is the preferred one of Accept-Language that is supported', async t => {
  for (const [header, language] of [
    [undefined, 'en'],
    ['', 'en'],
    ['*', 'en'],
    ['de', 'en'],
    ['zh', 'zh'],
    ['zh-CN,zh;q=0.9,en;q=0.8', 'zh'],
    ['zh-Hant-TW', 'zh'],
    ['en-US,en;q=0.9,zh;q=0.8', 'en'],
    ['en;q=0.2, zh;q=0.3', 'zh'],
    ['fr, zh;q=0.5, en;q=0.1', 'zh'],
    ['zh;q=0, en', 'en'],
    [';;;,q', 'en']
  ] as const) t.equal(preferredLanguage(header), language, String(header))
})

t.test('a client that prefers Chinese gets Chinese sentences and the same codes', async t => {
  const service = await startService(t)
  const refusal = async (fields: object, language: string) => {
    const response = await fetch(`${service.url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-language': language },
      body: JSON.stringify(fields)
    })
    return await response.json()
  }
  t.match(await refusal({}, 'zh-CN'), { code: 'MESSAGE_REQUIRED', error: '字段 "message" 必填，且不能为空' })
  t.match(await refusal({}, 'en'), {
    code: 'MESSAGE_REQUIRED', error: 'Field "message" is required and must not be empty'
  })
  t.match(await refusal({ message: 'Hi', top_p: 2 }, 'zh'), { code: 'INVALID_FIELD', error: /^字段 "top_p" 必须 <= 1$/ })
  t.match(await refusal({ message: 'Hi', images: ['data:image/png;base64,PCFkb2N0eXBlIGh0bWw+'] }, 'zh'), {
    code: 'UNSUPPORTED_IMAGE', error: /的类型（HTML 页面）不受支持；/
  })
  t.match(await refusal({ message: 'Hi', history: 7 }, 'zh'), {
    code: 'INVALID_HISTORY', error: '字段 "history" 必须是对话轮次的列表'
  })
})

t.test('errors before the routing have the same shape', async t => {
  const service = await startService(t)
  const client = await connectRaw(service.port)
  client.send('GET /%zz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  const answer = await client.until(/"request_id":"[^"]+"\}/)
  t.match(answer, /^HTTP\/1\.1 400 [^]*"code":"VALIDATION"/)
  await client.closed
})

t.test('a 503 has a Retry-After header', async t => {
  const service = await startService(t)
  process.kill(service.engine.info().pid!, 'SIGKILL')
  await until(() => service.engine.info().state !== 'ready')
  const response = await fetch(`${service.url}/api/chat`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"message":"Hi"}'
  })
  t.equal(response.status, 503)
  t.equal(response.headers.get('retry-after'), '5')
  await response.text()
})
