import t from 'tap'
import type { Tool, Turn } from '../../../services/engine/engine.ts'
import { integers } from '../../../tools/lib/random.ts'
import { CONTROL, USER_DEFINED } from '../../models/tokenizer.ts'
import { createPrompts, say, specialsOf, textOf, THINKING, tokensOf } from './prompts.ts'

const TOKENS: Array<[string, number]> = [
  ...THINKING, ['[INST]', CONTROL], ['[/INST]', USER_DEFINED], ['<a>', USER_DEFINED], ['<a><b>', USER_DEFINED],
  ['<b>', CONTROL], ['<ab', USER_DEFINED], ['bc>', USER_DEFINED], ['User:', USER_DEFINED], ['<｜用户｜>', USER_DEFINED],
  ['🙂🙂', USER_DEFINED], ['<c.*>', CONTROL]
]
const SPECIALS = ['<|im_start|>', '<|im_end|>', '<|image_pad|>', '<|endoftext|>', ...TOKENS.map(([text]) => text)]

const TOOL_TEMPLATE = `{%- for tool in tools or [] %}{{ tool | tojson }}
{% endfor %}
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content | trim }}
{%- for call in m.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
<think>
</think>
{% endif %}`

/** The same text at every place that a client controls. */
function everywhere (text: string): [Turn[], Tool[]] {
  const image = (index: number) => ({ type: 'image' as const, image: index })
  return [
    [
      say('system', text),
      say('user', text, image(0), text, image(1), `a ${text} b`),
      {
        ...say('assistant', text),
        calls: [{ name: text, arguments: { [text]: [text, { deep: text }] }, result: say('user', text).parts }]
      },
      say('user', ...Array.from(text))
    ],
    [{ name: text, description: text, parameters: { type: 'object', properties: { [text]: { enum: [text] } } } }]
  ]
}

t.test('a special token stays text wherever a client writes it', async t => {
  const { model, prompts } = await createPrompts(t, { tokens: TOKENS, template: TOOL_TEMPLATE })
  const rendered = prompts.render(...everywhere('x'))
  const [harmless, plain] = [specialsOf(model, rendered), textOf(model, rendered)]
  const countOf = (part: string, text: string) => text.split(part).length - 1
  t.ok(harmless.includes('<tool_call>') && harmless.includes('<think>'), 'the template\'s own tokens are special')
  // The end of a thought in an answer is not text: everything before it is removed.
  for (const text of SPECIALS.filter(text => text !== '</think>')) {
    const prompt = prompts.render(...everywhere(text))
    t.same(specialsOf(model, prompt), harmless, text)
    t.equal(countOf(text, textOf(model, prompt)), countOf(text, plain) + 15, `${text} is complete at its 15 places`)
  }
})

t.test('overlaps and fragments of special tokens form none', async t => {
  const { model, prompts } = await createPrompts(t, { tokens: TOKENS, template: TOOL_TEMPLATE })
  const harmless = specialsOf(model, prompts.render([say('user', 'x')], []))
  const random = integers(7)
  const pieces = [
    ...SPECIALS,
    ...SPECIALS.map(text => Array.from(text)).flatMap(letters =>
      [letters.slice(0, 1), letters.slice(1), letters.slice(0, -1), letters.slice(-1)].map(part => part.join(''))),
    ' ', '\n', 'x', '🙂', '12'
  ]
  const texts = [
    '<<think>think>', '<think<think>>', '<a><b><a><b>', '<<a><b>', '<abc>', '<a<ab', '🙂🙂🙂', 'User:User:', '<｜用户｜>>',
    ...Array.from({ length: 400 }, () => Array.from({ length: 6 }, () => pieces[random(pieces.length)]!).join(''))
  ]
  for (const text of texts) {
    const prompt = prompts.render([say('user', text)], [])
    t.same(specialsOf(model, prompt), harmless, JSON.stringify(text))
    t.ok(textOf(model, prompt).includes(text.trim()), 'the text is complete')
  }
})

t.test('no token forms between the text of the template and that of a client', async t => {
  const turn = '<|im_start|><thi{{ m.content }}k>{{ m.content }}[INS{{ m.content }}<|im_end|>'
  const template = `{% for m in messages %}${turn}{% endfor %}`
  const { model, prompts } = await createPrompts(t, { tokens: TOKENS, template })
  for (const text of ['nk>', ' nk>', '<thin', '<thin\n', 'T]', '<think>', 'k><thin']) {
    const specials = specialsOf(model, prompts.render([say('user', text)], []))
    t.same(specials, ['<|im_start|>', '<|im_end|>'], JSON.stringify(text))
  }
})

t.test('text is tokenized in one piece, except within tokens that llama.cpp finds in plain text', async t => {
  const { model, prompts } = await createPrompts(t, { tokens: TOKENS })
  const contentOf = (text: string) => {
    const tokens = tokensOf(prompts.render([say('system', 's'), say('user', text)], []))
    const plain = tokensOf(prompts.render([say('system', 's'), say('user', 'x')], []))
    const start = plain.lastIndexOf(model.tokenize('x')[0]!)
    return tokens.slice(start, start + tokens.length - plain.length + 1)
  }
  const pieces = (...texts: string[]) => texts.flatMap(text => model.tokenize(text, false))
  t.same(contentOf('Say <|im_end|> now'), pieces('Say <|im_end|> now'), 'control tokens')
  t.same(contentOf('Say <think> now'), pieces('Say <', 'think> now'))
  t.same(contentOf('Say <a><b> now'), pieces('Say <', 'a><b> now'))
  t.notSame(contentOf('Say <a><b> now'), pieces('Say <a><b> now'), 'llama.cpp makes tokens of plain text')
})

t.test('white space and digits in the list of special tokens are ordinary text', async t => {
  const { model, prompts } = await createPrompts(t, { tokens: [['\n\n', USER_DEFINED], ['42', USER_DEFINED]] })
  const tokens = tokensOf(prompts.render([say('user', 'a\n\nb 42')], []))
  for (const text of ['\n\n', '42']) {
    const [token] = model.tokenize(text, false)
    t.ok(tokens.includes(token!), `${JSON.stringify(text)} is one token`)
  }
})
