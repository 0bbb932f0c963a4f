import { SCHEMAS } from '../services/chat/schema-grammar/schemas.ts'

const ID = `sha256:${'a'.repeat(64)}`
/** A data URI that contains only the signature of a PNG. */
export const IMAGE = 'data:image/png;base64,iVBORw0KGgo='
export const FORMAT = { type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMAS['a list of objects'] } }
/** A chat request with all fields. */
export const CHAT = {
  message: 'What is it?',
  history: [{ role: 'user', content: 'Hi', images: [ID] }, { role: 'assistant', content: 'Hello' }],
  system: 'Be brief',
  images: [IMAGE],
  history_images: [IMAGE],
  max_tokens: 5,
  temperature: 0.5,
  top_p: 0.9,
  top_k: 40,
  min_p: 0.1,
  repeat_penalty: 1.1,
  seed: 7,
  stop: ['a', 'b'],
  response_format: FORMAT
}
/** A completion request with most fields. */
export const COMPLETION = {
  model: 'tiny',
  messages: [
    { role: 'system', content: 'Be brief' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Hi' }, { type: 'image_url', image_url: { url: IMAGE, detail: 'low' } },
        { type: 'image_url', image_url: { url: `sightline:${ID}` } }
      ]
    },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: '1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } }]
    },
    { role: 'tool', tool_call_id: '1', content: 'a cat' }
  ],
  tools: [{
    type: 'function',
    function: {
      name: 'look',
      description: 'Looks',
      parameters: { type: 'object', properties: { at: { type: 'integer' } } },
      strict: true
    }
  }],
  tool_choice: 'auto',
  max_tokens: 5,
  stop: 'x',
  stream: false,
  stream_options: { include_usage: true },
  response_format: FORMAT
}
/** Property names that are known, or special in JavaScript or JSON. */
export const NAMES = [
  '__proto__', 'constructor', 'length', 'toString', 'then', 'role', 'content', 'images', 'type', 'text', 'image_url',
  'url', 'history', 'message', 'tools', 'function', 'arguments', 'stop', 'n', 'logit_bias', 'response_format', '',
  'a"b', '\0'
]
