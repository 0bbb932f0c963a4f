import { readFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { ROOT } from '../../../config/root.ts'
import { DEMO } from '../../../models/presets.ts'
import { referenceProgram } from '../../../native/vision.ts'
import { createLocalEngine } from '../../../services/engine/local-engine.ts'
import { withChatTemplate } from '../../../tools/lib/gguf.ts'
import { ask, createTestEngine, ENGINE_DEFAULTS, silent, startService } from '../../helper.ts'
import { createPrompts, say, textOf, THINKING } from './prompts.ts'

const templateOf = async (name: string) =>
  readFileSync(path.join((await referenceProgram()).templates, `${name}.jinja`), 'utf8')

/** Writes the embedded model with another chat template. */
function withTemplate (t: Test, name: string, template: string): { model: string, mmproj: string } {
  const model = path.join(t.testdir(), name)
  withChatTemplate(path.join(ROOT, DEMO.model), model, template)
  return { model, mmproj: path.join(ROOT, DEMO.mmproj) }
}

t.test('all system turns become one at the start, whatever the template allows', async t => {
  const turns = [
    say('user', 'Hi'), say('system', 'First.'), say('assistant', 'A'), say('system', ''), say('system', 'Second.')
  ]
  for (const template of [undefined, await templateOf('Qwen3.5-4B'), await templateOf('Qwen-Qwen2.5-7B-Instruct')]) {
    const { model, prompts } = await createPrompts(t, { ...template !== undefined && { template } })
    const text = textOf(model, prompts.render(turns, []))
    t.ok(text.startsWith('<|im_start|>system\nFirst.\n\nSecond.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n'), text)
    t.equal(text.split('system').length, 2)
  }
})

t.test('a template without a system role gets the system text at the beginning of the first turn', async t => {
  const { model, prompts } = await createPrompts(t, { template: await templateOf('google-gemma-2-2b-it') })
  const text = textOf(model, prompts.render([say('system', 'Be terse.'), say('user', 'Hi')], []))
  t.match(text, 'user\nBe terse.\nHi<end_of_turn>')
})

t.test('images keep their places between the texts', async t => {
  const { model, prompts } = await createPrompts(t, { template: await templateOf('Qwen3.5-4B') })
  const image = (index: number) => ({ type: 'image' as const, image: index })
  const segments = prompts.render([say('user', image(1), ' a ', image(0), '12;', image(2))], [])
  t.equal(
    textOf(model, segments).split('assistant')[0],
    '<|im_start|>user\n<|vision_start|>[image 1]<|vision_end|> a <|vision_start|>[image 0]<|vision_end|>12;' +
    '<|vision_start|>[image 2]<|vision_end|><|im_end|>\n<|im_start|>'
  )
})

t.test('thoughts in earlier answers are removed, also for templates that keep them', async t => {
  const turns = [say('user', 'Q'), say('assistant', '<think>\nsecret\n</th', 'ink>\n\n\nAnswer'), say('user', 'Q2')]
  for (const name of ['Qwen3.5-4B', 'Qwen-Qwen2.5-7B-Instruct']) {
    const { model, prompts } = await createPrompts(t, { template: await templateOf(name), tokens: THINKING })
    t.match(textOf(model, prompts.render(turns, [])), '<|im_start|>assistant\nAnswer<|im_end|>', name)
  }
  const { model, prompts } = await createPrompts(t)
  t.match(textOf(model, prompts.render(turns, [])), '<think>\nsecret\n</think>\n\n\nAnswer<|im_end|>',
    'without tokens for thoughts, the tags are text')
})

t.test('the form of tool calls is found by rendering them', async t => {
  const json = {
    form: 'json',
    open: '<tool_call>',
    close: '</tool_call>',
    begin: '<tool_call>\n{"name": "',
    separator: '", "arguments": ',
    end: '}\n</tool_call>'
  }
  const xml = { form: 'xml', open: '<tool_call>', close: '</tool_call>' }
  for (const [name, syntax] of [
    ['Qwen-Qwen2.5-7B-Instruct', json], ['Qwen-Qwen3-0.6B', json], ['Qwen3.5-4B', xml], ['Qwen3-Coder', xml],
    ['NVIDIA-Nemotron-3-Nano-30B-A3B-BF16', xml],
    ['meta-llama-Llama-3.1-8B-Instruct', null], ['MiniMax-M1', null]
  ] as const) {
    t.same((await createPrompts(t, { template: await templateOf(name) })).prompts.toolSyntax, syntax, name)
  }
  t.equal((await createPrompts(t)).prompts.toolSyntax, null, 'the embedded model')
  const call = '<call>|<function={{ c.function.name }}>|{% for k, v in c.function.arguments|items %}' +
    '<parameter={{ k }}>|{{ v }}|</parameter>|{% endfor %}</function>|</call>'
  const withBreaks = (br: string) =>
    '{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}' +
    `${call.replaceAll('|<', `${br}<`).replaceAll('>|', `>${br}`)}{% endfor %} {% endfor %}`
  const syntaxOf = async (template: string) => (await createPrompts(t, { template })).prompts.toolSyntax
  t.same(await syntaxOf(withBreaks('{{ "\\n" }}')), { form: 'xml', open: '<call>', close: '</call>' })
  t.equal(await syntaxOf(withBreaks('')), null, 'XML without line breaks')
})

t.test('the token that begins a turn is found in the template', async t => {
  const { model, prompts } = await createPrompts(t)
  t.equal(model.detokenize([prompts.turnStart!], true), '<|im_start|>')
  const plain = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:'
  t.equal((await createPrompts(t, { template: plain })).prompts.turnStart, null)
})

t.test('a template that fails is reported at the start with the name of its file', async t => {
  for (const [template, fault] of [
    ['{% if %}', /./], ['{{ raise_exception("not today") }}', /not today/], ['{{ messages.nothing() }}', /./],
    ['a fixed text', /does not contain the question/]
  ] as const) {
    const engine =
      createLocalEngine({ log: silent, ...ENGINE_DEFAULTS, ...withTemplate(t, 'broken.gguf', template), threads: 1 })
    await t.rejects(engine.ready(), { message: /^The chat template of broken\.gguf cannot be used: / })
    await t.rejects(engine.ready(), { message: fault })
    await engine.close()
  }
})

t.test('the sentence of a template that refuses a conversation is a 400 on both APIs', async t => {
  const template = `{% for m in messages %}
    {%- if 'stop' in m.content %}{{ raise_exception('No "' + m.content + '", please.') }}{% endif %}
    {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}<|im_start|>assistant\n`
  const engine = await createTestEngine(t, withTemplate(t, 'strict.gguf', template))
  const service = await startService(t, {}, engine)
  const sentence = 'The model\'s chat template refuses the conversation: No "<|im_end|>stop", please.'
  t.match(await ask(service.url, { message: '<|im_end|>stop' }), {
    status: 400, body: { code: 'PROMPT_REFUSED', error: sentence }
  })
  const chinese = await fetch(`${service.url}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({ message: 'stop' }),
    headers: { 'content-type': 'application/json', 'accept-language': 'zh' }
  })
  t.match(await chinese.json(), { error: '模型的对话模板拒绝了此对话：No "stop", please.' })
  const openai = await fetch(`${service.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: engine.info().model, messages: [{ role: 'user', content: '<|im_end|>stop' }] }),
    headers: { 'content-type': 'application/json' }
  })
  t.equal(openai.status, 400)
  t.match(await openai.json(), { error: { message: sentence, type: 'invalid_request_error', code: 'PROMPT_REFUSED' } })
  t.equal((await ask(service.url, { message: 'Go on', max_tokens: '3' })).status, 200)
  await service.quiet()
})
