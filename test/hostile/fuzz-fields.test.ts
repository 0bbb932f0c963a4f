import t from 'tap'
import { parseChatForm } from '../../services/chat/fields.ts'
import { toQuestion } from '../../services/chat/question.ts'
import { grammarOfSchema } from '../../services/chat/schema-grammar/index.ts'
import { parseCompletionRequest, toCompletionQuestion } from '../../services/openai/request.ts'
import { labelOf } from '../../services/uploads/label.ts'
import { SCHEMAS } from '../services/chat/schema-grammar/schemas.ts'
import { fuzz, refusesOnly } from './fuzz.ts'
import { mutateJson, mutateText } from './mutate.ts'
import { CHAT, COMPLETION, FORMAT, NAMES } from './requests.ts'

t.test('damaged fields of a chat request are accepted or refused', async t => {
  await fuzz(t, 2500, async below => {
    const body = mutateJson(CHAT, NAMES, below) as Record<string, unknown>
    // The fields of a form are texts, and some texts are JSON.
    const form = Object.fromEntries(
      Object.entries(Object(body)).map(([name, value]) => [name, below(2) === 0 ? value : JSON.stringify(value)])
    )
    for (const fields of [body, form]) {
      await refusesOnly(() => toQuestion(parseChatForm(Object(fields)), [], []), fields)
    }
  })
})

t.test('damaged JSON in fields is accepted or refused', async t => {
  const words = [
    '[', ']', '{', '}', '"', '\\', ',', ':', 'null', '1e999', '\\u0000', '\\ud800', '\u2028', '{"role":"user"}', ' ',
    '-', '[]'.repeat(50)
  ]
  await fuzz(t, 2500, async below => {
    const history = mutateText(JSON.stringify(CHAT.history), words, below)
    const format = mutateText(JSON.stringify(FORMAT), words, below)
    const stop = mutateText('["a","b"]', words, below)
    for (const fields of [
      { message: 'Hi', history }, { message: 'Hi', response_format: format }, { message: 'Hi', stop },
      { message: 'Hi', history: [history, '{"role":"user","content":"a"}'] }
    ]) {
      await refusesOnly(() => toQuestion(parseChatForm(fields), [], []), fields)
    }
  })
})

t.test('damaged completion requests are accepted or refused', async t => {
  await fuzz(t, 2500, async below => {
    const body = mutateJson(COMPLETION, [...NAMES, ...Object.keys(COMPLETION)], below)
    await refusesOnly(() => { toCompletionQuestion(parseCompletionRequest(Object(body)), null) }, body)
  })
})

t.test('damaged schemas become a grammar or are refused', async t => {
  const schemas = Object.values(SCHEMAS)
  const keywords = [
    'type', 'properties', 'required', 'items', 'prefixItems', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', 'not',
    'pattern', 'format', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minimum', 'exclusiveMaximum', 'multipleOf',
    'additionalProperties', 'propertyNames', '$ref', '$defs', 'if', '__proto__', 'constructor', ''
  ]
  await fuzz(t, 2500, async (below, index) => {
    const schema = mutateJson(schemas[index % schemas.length], keywords, below)
    await refusesOnly(() => { grammarOfSchema(schema) }, schema)
  })
})

t.test('any file name becomes a label of one line', async t => {
  const words = [
    '../', '/', '\\', '\0', '\r\n', '"', '\'', ')', '\u202e', '\u2066', '\u200b', '\ufeff', '\ud83d', '\udc00', '😀',
    '%00', '%2e%2e%2f', 'CON', '\x1b[31m', '\u2028', 'x'.repeat(4096), '\u0301'.repeat(200)
  ]
  await fuzz(t, 5000, below => {
    const name = mutateText('photo.jpg', words, below)
    const label = labelOf('images[0]', name)
    // A label is the field and at most sixty visible characters of the name.
    if (!/^images\[0\](?: \("(?:[^\p{C}\p{Z}"]| ){1,60}"\))?$/u.test(label)) {
      throw new Error(`${JSON.stringify(name)} became ${JSON.stringify(label)}`)
    }
  })
})
