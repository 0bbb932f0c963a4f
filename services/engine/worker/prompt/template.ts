import { parseTemplate } from './jinja.ts'

/** A message as chat templates expect it: the shape of the OpenAI API, with content as one text. */
export interface Message {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
  tool_calls?: Array<{ id: string, type: 'function', function: { name: string, arguments: object | string } }>
  tool_call_id?: string
  /** Name of the called function, in messages of the role `tool`. */
  name?: string
  /** Thoughts of an earlier answer, only in samples. */
  reasoning_content?: string
}

export interface FunctionTool {
  type: 'function'
  function: { name: string, description: string, parameters: object }
}

/** A call of a tool to render. */
export interface SampleCall { name: string, args: Record<string, string> }

/** The differences between templates that the conversation must be adapted to, found by rendering samples. */
export interface TemplateTraits {
  /** False if the template ignores or refuses system messages. */
  system: boolean
  /** True if the template renders only content that is a list of parts. */
  typedContent: boolean
  /** True if the arguments of calls must be JSON text. */
  textArguments: boolean
}

/** The part of a prompt that follows the conversation. */
export interface PromptEnd {
  /** Append the beginning of the assistant's answer. */
  asks?: boolean
  /** The answer begins with thoughts, if the model can think. */
  thinks?: boolean
}

const QUESTION = { role: 'user', content: 'sample-question' } as const
const TOOL: FunctionTool = {
  type: 'function',
  function: {
    name: 'sample_tool',
    description: 'A sample',
    parameters: { type: 'object', properties: { key: { type: 'string', description: 'A sample' } }, required: ['key'] }
  }
}

/** A model's chat template. */
export class ChatTemplate {
  traits: TemplateTraits
  readonly #render: (variables: Record<string, unknown>) => string
  readonly #constants: { bos_token: string, eos_token: string }

  /**
   * @param bos text of the token that begins a prompt
   * @param eos text of the token that ends an answer
   * @throws Error when the template cannot be parsed, or cannot render a simple conversation
   */
  constructor (source: string, bos: string, eos: string) {
    this.#render = parseTemplate(source)
    this.#constants = { bos_token: bos, eos_token: eos }
    this.traits = { system: true, typedContent: false, textArguments: false }
    this.traits = this.#findTraits()
  }

  /**
   * Renders a conversation. The names of the variables are those of llama.cpp.
   * @param tools empty for a conversation without tools
   * @throws Error with the template's sentence when it refuses the conversation
   */
  render (messages: Message[], tools: FunctionTool[] = [], { asks = true, thinks = false }: PromptEnd = {}): string {
    const [, month, day, year] = new Date().toDateString().split(' ')
    const { typedContent } = this.traits
    return this.#render({
      ...this.#constants,
      messages: typedContent ? messages.map(message => ({ ...message, content: typed(message.content) })) : messages,
      enable_thinking: thinks,
      datetime: `${month} ${day} ${year}`,
      date_string: `${day} ${month} ${year}`,
      ...tools.length > 0 && { tools },
      ...asks && { add_generation_prompt: true }
    })
  }

  /**
   * Returns the text that the template appends to a conversation to begin the answer; empty if it appends none.
   * @param thinks the answer begins with thoughts
   */
  answerStart (thinks: boolean): string {
    const [without, complete] = [this.render([QUESTION], [], { asks: false }), this.render([QUESTION], [], { thinks })]
    return complete.startsWith(without) ? complete.slice(without.length) : ''
  }

  /**
   * Renders calls of tools in one answer, with their results.
   * @returns the prompt from the end of the question; null if the template cannot render these calls
   */
  renderCalls (calls: SampleCall[], textArguments = this.traits.textArguments): string | null {
    const asked = calls.map(({ name, args }, index) =>
      ({ id: `call0000${index}`, name, arguments: textArguments ? JSON.stringify(args) : args }))
    const answer: Message = {
      role: 'assistant',
      content: '',
      tool_calls: asked.map(({ id, ...call }) => ({ id, type: 'function', function: call }))
    }
    const results = asked.map(({ id, name }): Message =>
      ({ role: 'tool', content: 'sample-result', tool_call_id: id, name }))
    const tools = calls.map(({ name }) => ({ ...TOOL, function: { ...TOOL.function, name } }))
    try {
      const before = this.render([QUESTION], tools, { asks: false })
      const rendered = this.render([QUESTION, answer, ...results], tools, { asks: false })
      return rendered.slice(commonStart(before, rendered))
    } catch {
      return null
    }
  }

  /**
   * Renders an answer with its thoughts.
   * @returns null if the template does not render the thoughts
   */
  renderThoughts (): string | null {
    const thought = 'sample-thought'
    const rendered = this.#try([QUESTION, { role: 'assistant', content: 'sample-answer', reasoning_content: thought }])
    return rendered?.includes(thought) ? rendered.slice(rendered.indexOf(thought) + thought.length) : null
  }

  #findTraits (): TemplateTraits {
    const typedContent = this.#needsTypedContent()
    this.traits = { ...this.traits, typedContent }
    const system = 'sample-system'
    const call = { name: TOOL.function.name, args: { key: 'sample-value' } }
    const callWith = (textArguments: boolean) =>
      this.renderCalls([call], textArguments)?.includes('sample-value') ?? false
    return {
      typedContent,
      system: this.#try([{ role: 'system', content: system }, QUESTION])?.includes(system) ?? false,
      textArguments: !callWith(false) && callWith(true)
    }
  }

  /** @throws Error when the template renders the question in neither form */
  #needsTypedContent (): boolean {
    if (this.#try([QUESTION])?.includes(QUESTION.content)) return false
    this.traits = { ...this.traits, typedContent: true }
    if (this.#try([QUESTION])?.includes(QUESTION.content)) return true
    this.traits = { ...this.traits, typedContent: false }
    this.render([QUESTION])
    throw new Error('the prompt does not contain the question')
  }

  #try (messages: Message[]): string | null {
    try {
      return this.render(messages)
    } catch {
      return null
    }
  }
}

function typed (content: string): Array<{ type: 'text', text: string }> {
  return [{ type: 'text', text: content }]
}

/** Counts the characters that two texts have in common at their beginning. */
function commonStart (a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}
