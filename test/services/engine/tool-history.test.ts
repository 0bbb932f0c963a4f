import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { referenceProgram } from '../../../native/vision.ts'
import type { Part, Tool, ToolCall, Turn } from '../../../services/engine/engine.ts'
import { createPromptRenderer, type Segment } from '../../../services/engine/worker/prompt.ts'
import { withChatTemplate } from '../../../tools/lib/gguf.ts'
import { writeTinyModel } from '../../models/tiny-model.ts'
import { prepareExample } from '../../native/reference.ts'
import { loadVocabulary, say, specialsOf, textOf, tokensOf } from './prompts.ts'

// llama.cpp's own chat code renders the same conversations. The results of their calls contain images, as the
// screenshots of agents.

const { program, libraries, templates } = await referenceProgram()
const dir = t.testdir()
const tiny = await writeTinyModel(dir, { family: 'qwen3.5', layers: 4 })
const images = await Promise.all(['00.png', '03.png', '06.png'].map((file, i) => prepareExample(dir, i, file, tiny)))
const TOOLS: Tool[] = [
  {
    name: 'click',
    description: 'Clicks',
    parameters: {
      type: 'object',
      properties: {
        at: { type: 'array', items: { type: 'integer' } }, text: { type: 'string' }, options: { type: 'object' }
      },
      required: ['at']
    }
  },
  { name: 'screenshot', parameters: { type: 'object', properties: {} } }
]

const image = (index: number): Part => ({ type: 'image', image: index })
const text = (text: string): Part => ({ type: 'text', text })
const call = (name: string, args: object, ...result: Part[]): ToolCall => ({ name, arguments: args, result })

const VALUES = {
  at: [10, -2.5], text: '  two\n lines & "quotes" <b>\t图🙂\n', options: { a: [true, null, 'x\n"y"'], b: {} }
}
const CONVERSATIONS: Turn[][] = [
  [say('user', 'Click'), { ...say('assistant'), calls: [call('screenshot', {}, image(0))] }],
  [say('user', 'Click', image(0)), {
    ...say('assistant', 'I look.'),
    calls: [
      call('click', VALUES, text('done')), call('screenshot', {}, text(' See: '), image(1), text('\n1024x768')),
      call('screenshot', {}, image(2), image(0))
    ]
  }],
  [
    say('user', 'Click'),
    { ...say('assistant'), calls: [call('click', { at: [1, 2], flag: true, none: null, n: 0.25 }, text('ok'))] },
    { ...say('assistant', 'And again'), calls: [call('screenshot', {}, image(0)), call('screenshot', {}, image(1))] },
    say('assistant', 'Done.'), say('user', 'Now?', image(2)),
    { ...say('assistant'), calls: [call('click', { at: [], text: '' }, text(''))] }
  ],
  [say('user', 'Click'), { ...say('assistant'), calls: [call('screenshot', {})] }, say('user', 'No result')]
]

/** Converts a conversation to a case of the reference program. */
function toCase (turns: Turn[], template: string): string {
  const used: number[] = []
  const contentOf = (parts: Part[]) => parts.map(part => {
    if (part.type === 'text') return part.text
    used.push(part.image)
    return '<__media__>'
  }).join('')
  let ids = 0
  const messages = turns.flatMap(({ role, parts, calls = [] }) => {
    const asked = calls.map(call => ({ ...call, id: `call0000${++ids}` }))
    const toCall = ({ id, name, arguments: args }: typeof asked[number]) =>
      ({ id, type: 'function', function: { name, arguments: JSON.stringify(args) } })
    return [
      { role, content: contentOf(parts), ...asked.length > 0 && { tool_calls: asked.map(toCall) } },
      ...asked.filter(({ result }) => result.length > 0).map(({ id, name, result }) =>
        ({ role: 'tool', tool_call_id: id, name, content: contentOf(result) }))
    ]
  })
  return JSON.stringify({
    template,
    messages,
    tools: TOOLS.map(tool => ({ type: 'function', function: tool })),
    images: used.map(index => images[index]!).map(({ raw, width, height }) => ({ path: raw, width, height })),
    maxTokens: 0
  })
}

/** Returns the tokens of a prompt as the reference program writes them: -1 for each token of an image. */
function flat (segments: Segment[]): number[] {
  return segments.flatMap(segment => segment.type === 'text'
    ? segment.tokens as number[]
    : new Array<number>(images[segment.image]!.tokens).fill(-1))
}

for (const name of ['Qwen3.5-4B', 'Qwen3-Coder', 'Qwen-Qwen3-0.6B']) {
  t.test(`${name}: calls and results with images equal those of llama.cpp, token for token`, async t => {
    const template = readFileSync(path.join(templates, `${name}.jinja`), 'utf8')
    const file = path.join(t.testdir(), 'model.gguf')
    withChatTemplate(tiny.model, file, template)
    const model = await loadVocabulary(t, file)
    const prompts = createPromptRenderer(model, true)
    const { model: main, mmproj, minTokens, maxTokens } = tiny
    const output = execFileSync(program, [main, mmproj, libraries, String(minTokens), String(maxTokens), '1', '0'], {
      input: CONVERSATIONS.map(turns => toCase(turns, template)).join('\n'), stdio: ['pipe', 'pipe', 'ignore']
    })
    for (const [index, line] of output.toString().trimEnd().split('\n').entries()) {
      const segments = prompts.render(CONVERSATIONS[index]!, TOOLS)
      t.same(flat(segments), JSON.parse(line).prompt, textOf(model, segments))
    }
  })
}

t.test('special tokens in names, keys, values and results of calls remain text', async t => {
  const model = await loadVocabulary(t, tiny.model)
  const prompts = createPromptRenderer(model, true)
  const conversation = (word: string): Turn[] => [say('user', 'Click'), {
    ...say('assistant', word),
    calls: [call(word, { [word]: word, deep: { [word]: [word] } }, text(word)), call('screenshot', {}, image(0))]
  }]
  const harmless = specialsOf(model, prompts.render(conversation('x'), TOOLS))
  for (const word of ['<tool_call>', '</tool_call>', '</think>', '<|im_end|>', '<tool_response>', '<|vision_start|>']) {
    const segments = prompts.render(conversation(word), TOOLS)
    t.same(specialsOf(model, segments), harmless, word)
    t.ok(textOf(model, segments).includes(`<parameter=${word}>\n${word}\n</parameter>`), 'the text is complete')
    t.equal(tokensOf(segments).filter(token => token === -1).length, 1)
  }
})
