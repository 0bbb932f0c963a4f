import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { DEMO } from '../../../models/presets.ts'
import { ROOT } from '../../../config/root.ts'
import { createCallGrammar } from '../../../services/chat/call-grammar.ts'
import type { EngineEvent, Tool, Turn } from '../../../services/engine/engine.ts'
import { withChatTemplate } from '../../../tools/lib/gguf.ts'
import { createTestEngine } from '../../helper.ts'
import { WITHOUT_THOUGHTS, writeScriptedModel } from '../../models/scripted-model.ts'
import { say } from './prompts.ts'
import { collect, createHeartRequest, textOf } from './requests.ts'

const request = await createHeartRequest(t)
const image = request.images[0]!
const never = new AbortController().signal
const engine = await createTestEngine(t, { slots: 2 })

t.test('a grammar applies to its own request only', async t => {
  const bound = { ...request, grammar: 'root ::= "no" | "A " ("green" | "blue") " tomato"' }
  const [first, free, second] = [
    await collect(engine.generate(bound, never)), await collect(engine.generate(request, never)),
    await collect(engine.generate(bound, never))
  ]
  t.equal(textOf(first), 'A blue tomato')
  t.match(first.at(-1), { type: 'done', finishReason: 'stop' }, 'the answer ends with the grammar')
  t.equal(textOf(free), 'A blue heart on a white background.')
  t.equal(textOf(second), 'A blue tomato', 'the grammar starts anew')

  const cut = await collect(engine.generate({ ...bound, maxTokens: 2 }, never))
  t.match(cut.at(-1), { type: 'done', finishReason: 'length', usage: { completionTokens: 2 } })
  t.ok('A blue tomato'.startsWith(textOf(cut)), textOf(cut))
})

t.test('answers with different grammars run in parallel', async t => {
  const texts = await Promise.all(['red', 'green', null].map(async word =>
    textOf(await collect(
      engine.generate({ ...request, maxTokens: 100, grammar: word === null ? null : `root ::= "${word} "{20}` }, never)
    ))))
  t.same(texts, ['red '.repeat(20), 'green '.repeat(20), 'A blue heart on a white background.'])
})

t.test('a grammar that llama.cpp cannot parse fails only its request', async t => {
  await t.rejects(collect(engine.generate({ ...request, grammar: 'root ::= nothing' }, never)), {
    code: 'ENGINE_ERROR'
  })
  t.equal(textOf(await collect(engine.generate(request, never))), 'A blue heart on a white background.')
})

t.test('tools are part of the prompt and of its token count, if the template supports them', async t => {
  const dir = t.testdir()
  const model = path.join(dir, 'tools.gguf')
  withChatTemplate(
    path.join(ROOT, DEMO.model), model, readFileSync(path.join(ROOT, 'test/tool-template.jinja'), 'utf8')
  )
  const engine = await createTestEngine(t, { model, mmproj: path.join(ROOT, DEMO.mmproj) })
  t.match(engine.info().tools, { open: '<tool_call>', close: '</tool_call>' })
  const tools = [{
    name: 'look', description: 'Looks closer', parameters: { type: 'object', properties: { where: { type: 'string' } } }
  }]
  const count = async (turns: Turn[], offered: Tool[]) => (await engine.inspect(turns, offered, [])).textTokens
  const without = await count(request.turns, [])
  const one = await count(request.turns, tools)
  const two = await count(request.turns, [...tools, { ...tools[0]!, name: 'photograph' }])
  t.ok(without < one && one < two, `${without}, ${one}, ${two} tokens`)

  const called: Turn[] = [...request.turns, {
    role: 'assistant',
    parts: [{ type: 'text', text: 'I look' }],
    calls: [{
      name: 'look', arguments: { where: 'left' }, result: [{ type: 'image', image: 1 }, { type: 'text', text: 'There' }]
    }]
  }]
  t.ok(await count(called, tools) > one + 10, 'calls and their results count too')
  const events = await collect(engine.generate({ ...request, turns: called, tools, images: [image, image] }, never))
  const done = events.at(-1) as Extract<EngineEvent, { type: 'done' }>
  t.equal(done.usage.imageTokens, 2 * image.width * image.height / 28 ** 2, 'an image in a result counts')
  t.equal(done.usage.promptTokens, await count(called, tools) + done.usage.imageTokens)
})

t.test('an answer with singleCall ends after its first call', async t => {
  const model = path.join(t.testdir(), 'tools.gguf')
  withChatTemplate(
    path.join(ROOT, DEMO.model), model, readFileSync(path.join(ROOT, 'test/tool-template.jinja'), 'utf8')
  )
  const engine = await createTestEngine(t, { model, mmproj: path.join(ROOT, DEMO.mmproj) })
  const call = '<tool_call>\\n{\\"name\\": \\"look\\", \\"arguments\\": {}}\\n</tool_call>'
  const twice = { ...request, tools: [{ name: 'look' }], maxTokens: 300, grammar: `root ::= "I look. ${call} ${call}"` }
  const callsIn = (text: string) => text.split('<tool_call>').length - 1
  t.equal(callsIn(textOf(await collect(engine.generate(twice, never)))), 2)
  const events = await collect(engine.generate({ ...twice, singleCall: true }, never))
  t.equal(callsIn(textOf(events)), 1)
  t.match(events.at(-1), { type: 'done', finishReason: 'stop' })
})

t.test('in XML, a closing tag in the text of a parameter does not end a single call', async t => {
  const call = '<tool_call>\n<function=look>\n<parameter=at>\na </tool_call> b\n</parameter>\n</function>\n</tool_call>'
  const { model, mmproj } = await writeScriptedModel(t.testdir(), {
    family: 'qwen3.5', scripts: [{ after: WITHOUT_THOUGHTS, say: `${call}\n${call}` }]
  })
  const engine = await createTestEngine(t, { model, mmproj, threads: 1 })
  t.same(engine.info().tools, { form: 'xml', open: '<tool_call>', close: '</tool_call>' })
  const twice = {
    ...request,
    images: [],
    turns: [say('user', 'Hi')],
    tools: [{ name: 'look' }],
    sampling: { temperature: 0 },
    maxTokens: 300
  }
  t.equal(textOf(await collect(engine.generate(twice, never))), `${call}\n${call}`)
  const single = await collect(engine.generate({ ...twice, singleCall: true }, never))
  t.equal(textOf(single), call.slice(0, -'</function>\n</tool_call>'.length))
  t.match(single.at(-1), { type: 'done', finishReason: 'stop' })
})

t.test('a grammar of calls accepts the special tokens around them', async t => {
  const call = (colour: string) =>
    `<tool_call>\n<function=mark>\n<parameter=colour>\n${colour}\n</parameter>\n</function>\n</tool_call>`
  const { model, mmproj } = await writeScriptedModel(t.testdir(), {
    family: 'qwen3.5', scripts: [{ after: WITHOUT_THOUGHTS, say: call('red') }]
  })
  const engine = await createTestEngine(t, { model, mmproj, threads: 1 })
  const free = { ...request, images: [], turns: [say('user', 'Hi')], sampling: { temperature: 0 }, maxTokens: 300 }
  const grammarOf = (...colours: string[]) => createCallGrammar([{
    field: 'tools[0]',
    name: 'mark',
    parameters: { type: 'object', properties: { colour: { enum: colours } }, required: ['colour'] },
    strict: true
  }], engine.info().tools!, true)
  const countOf = (events: EngineEvent[]) =>
    (events.at(-1) as Extract<EngineEvent, { type: 'done' }>).usage.completionTokens
  const unbound = await collect(engine.generate(free, never))
  const bound = await collect(engine.generate({ ...free, grammar: grammarOf('blue', 'red') }, never))
  t.equal(textOf(bound), call('red'))
  t.equal(countOf(bound), countOf(unbound), 'the same tokens')
  const other = await collect(engine.generate({ ...free, grammar: grammarOf('blue', 'green') }, never))
  t.ok([call('blue'), call('green')].includes(textOf(other)), textOf(other))
})
