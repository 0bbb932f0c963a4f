import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Tool, ToolCall, Turn } from '../../../services/engine/engine.ts'
import { createPromptRenderer } from '../../../services/engine/worker/prompt.ts'
import { referenceProgram } from '../../../native/vision.ts'
import { withChatTemplate } from '../../../tools/lib/gguf.ts'
import { writeTinyModel } from '../../models/tiny-model.ts'
import { loadVocabulary, say, textOf, tokensOf } from './prompts.ts'

// llama.cpp's own chat code renders the same conversations with the real templates of Qwen models. It keeps the
// thoughts in earlier answers if the template does; the service always removes them.

interface Conversation { turns: Turn[], tools?: Tool[] }

const { program, libraries, templates } = await referenceProgram()
const tiny = await writeTinyModel(t.testdir(), { family: 'qwen3.5', layers: 4 })

const TOOLS: Tool[] = [{
  name: 'look',
  description: 'Looks closer: "quoted"\nand a line, <b>bold</b> 图',
  parameters: {
    type: 'object',
    properties: {
      where: { type: 'string', enum: ['left', 'right'] },
      size: { type: 'number', default: 0.5 },
      deep: { type: 'object', properties: { list: { type: 'array', items: { type: 'string' } } } }
    },
    required: ['where']
  }
}, { name: 'stop' }]

function call (name: string, args: object, result: string): ToolCall {
  return { name, arguments: args, result: [{ type: 'text', text: result }] }
}

const PLAIN: Conversation[] = [
  { turns: [say('user', '  Hi there \n\n')] },
  { turns: [say('user', '')] },
  { turns: [say('system', '\n Be terse. \n'), say('user', 'Hi')] },
  { turns: [say('user', 'One'), say('assistant', '  Answer \n'), say('user', 'Two'), say('user', 'Three')] },
  { turns: [say('user', 'Hi')], tools: TOOLS },
  { turns: [say('system', 'Be terse.'), say('user', 'Hi')], tools: TOOLS },
  {
    turns: [say('user', 'Hi'), {
      ...say('assistant', 'I look'),
      calls: [call('look', {
        where: '图片\t"x"\n', size: 0.25, count: 3, ok: true, not: false, nothing: null, deep: { list: ['x', 'y "q"'] }
      }, 'There\nis')]
    }],
    tools: TOOLS
  },
  {
    turns: [
      say('user', 'Hi'),
      { ...say('assistant'), calls: [call('look', { where: 'left' }, 'There'), call('stop', {}, ' done ')] },
      say('assistant', 'All done'), say('user', 'Again')
    ],
    tools: TOOLS
  }
]
const THOUGHTS: Conversation[] = [
  { turns: [say('user', 'One'), say('assistant', '<think>\nhm\n</think>\n\nAnswer '), say('user', 'Two')] },
  { turns: [say('user', 'One'), say('assistant', 'hm\n</think>\n\nAnswer\n\nx'), say('user', 'Two')] }
]

/** Converts a conversation to a case of the reference program. */
function toCase (template: string, { turns, tools }: Conversation, thinks: boolean): string {
  let ids = 0
  const contentOf = (parts: Turn['parts']) => parts.map(part => part.type === 'text' ? part.text : '').join('')
  const messages = turns.flatMap(({ role, parts, calls = [] }) => {
    const asked = calls.map(call => ({ ...call, id: `call0000${++ids}` }))
    return [
      {
        role,
        content: contentOf(parts),
        ...asked.length > 0 && {
          tool_calls: asked.map(({ id, name, arguments: args }) =>
            ({ id, type: 'function', function: { name, arguments: JSON.stringify(args) } }))
        }
      },
      ...asked.map(({ id, name, result }) => ({ role: 'tool', tool_call_id: id, name, content: contentOf(result) }))
    ]
  })
  return JSON.stringify({
    template,
    messages,
    thinks,
    images: [],
    maxTokens: 0,
    ...tools && { tools: tools.map(tool => ({ type: 'function', function: tool })) }
  })
}

function askReference (
  template: string, cases: Conversation[], thinks = false
): Array<{ prompt?: number[], refusal?: string }> {
  const { model, mmproj, minTokens, maxTokens } = tiny
  const output = execFileSync(program, [model, mmproj, libraries, String(minTokens), String(maxTokens), '1', '0'], {
    input: cases.map(it => toCase(template, it, thinks)).join('\n'), stdio: ['pipe', 'pipe', 'ignore']
  })
  return output.toString().trimEnd().split('\n').map(line => JSON.parse(line))
}

for (const [name, removesThoughts, syntax] of [
  ['Qwen3.5-4B', true, { mode: 'optional', opens: false }],
  ['Qwen-Qwen3-0.6B', true, { mode: 'optional', opens: true }],
  ['Qwen-QwQ-32B', true, { mode: 'optional', opens: false }],
  ['Qwen-Qwen2.5-7B-Instruct', false, { mode: 'never', opens: false }],
  ['Qwen3-Coder', false, { mode: 'never', opens: false }]
] as const) {
  t.test(`${name}: prompts equal those of llama.cpp, token for token`, async t => {
    const template = readFileSync(path.join(templates, `${name}.jinja`), 'utf8')
    const file = path.join(t.testdir(), 'model.gguf')
    withChatTemplate(tiny.model, file, template)
    const model = await loadVocabulary(t, file)
    const prompts = createPromptRenderer(model, true)
    const cases = removesThoughts ? [...PLAIN, ...THOUGHTS] : PLAIN
    for (const thinks of [false, true]) {
      for (const [index, { prompt }] of askReference(template, cases, thinks).entries()) {
        const { turns, tools = [] } = cases[index]!
        const segments = prompts.render(turns, tools, thinks)
        const opening = thinks ? prompts.thoughts!.opening : []
        t.same(tokensOf(segments), [...prompt!, ...opening], `${index}, ${thinks}: ${textOf(model, segments)}`)
      }
    }
    const { mode, opening } = prompts.thoughts!
    t.match({ mode, opens: opening.length > 0 }, syntax)
  })
}

t.test('an earlier answer that mentions the tags keeps its text', async t => {
  const model = await loadVocabulary(t, tiny.model)
  const prompts = createPromptRenderer(model, true)
  for (const answer of [
    'The tag `</think>` ends it.', 'Then </think> in a line, and more.', 'x<think>a</think>b', 'Only <think>'
  ]) {
    const segments = prompts.render([say('user', 'One'), say('assistant', answer), say('user', 'Two')], [])
    t.ok(textOf(model, segments).includes(answer), answer)
  }
})

t.test('thoughts before calls are removed, although the template keeps them until the next question', async t => {
  const prompts = createPromptRenderer(await loadVocabulary(t, tiny.model), true)
  const conversation = (text: string): Turn[] =>
    [say('user', 'One'), { ...say('assistant', text), calls: [call('look', { where: 'left' }, 'There')] }]
  t.same(
    prompts.render(conversation('<think>\nhm\n</think>\n\nI look'), TOOLS),
    prompts.render(conversation('I look'), TOOLS)
  )
})

t.test('a conversation that llama.cpp refuses is refused with the same sentence', async t => {
  const template = readFileSync(path.join(templates, 'Qwen3.5-4B.jinja'), 'utf8')
  const prompts = createPromptRenderer(await loadVocabulary(t, tiny.model), true)
  const turns = [say('assistant', 'Only me')]
  const [answer] = askReference(template, [{ turns }])
  t.match(answer!.refusal, /No user query found in messages\./)
  try {
    prompts.render(turns, [])
    t.fail('the conversation is rendered')
  } catch (error) {
    t.match(error, { wire: { code: 'PROMPT_REFUSED', args: ['No user query found in messages.'] } })
  }
})
