import t from 'tap'
import { suggestField, unknownField, unknownFieldAmong } from '../../../services/chat/unknown-field.ts'

t.test('a name that clients use for another field is answered with that field', async t => {
  const cases: Array<[name: string, field: string | null, client: string]> = [
    ['image', 'images', 'HTML forms, Gradio'],
    ['file', 'images', 'Dropzone, FilePond, uppy'],
    ['files', 'images', 'Express tutorials with multer'],
    ['files[]', 'images', 'uppy'],
    ['Images', 'images', '.NET'],
    ['image_url', 'images', 'OpenAI'],
    ['imageUrls', 'images', 'typed clients in JavaScript'],
    ['data', 'images', 'n8n'],
    ['prompt', 'message', 'Ollama, llama-server'],
    ['question', 'message', 'Flowise'],
    ['query', 'message', 'Dify'],
    ['text', 'message', 'Gradio'],
    ['msg', 'message', 'people'],
    ['input', 'message', 'OpenAI Responses'],
    ['chat_history', 'history', 'LangChain'],
    ['historyImages', 'history_images', 'typed clients in JavaScript'],
    ['system_prompt', 'system', 'llama-server'],
    ['instructions', 'system', 'OpenAI Responses'],
    ['maxTokens', 'max_tokens', 'AI SDK'],
    ['max-tokens', 'max_tokens', 'people'],
    ['max_new_tokens', 'max_tokens', 'Transformers'],
    ['n_predict', 'max_tokens', 'llama-server'],
    ['topP', 'top_p', 'AI SDK'],
    ['stop_sequences', 'stop', 'Anthropic'],
    ['stopSequences', 'stop', 'AI SDK'],
    ['format', 'response_format', 'Ollama'],
    ['response_format[type]', 'response_format', 'qs'],
    ['responseFormat', 'response_format', 'typed clients in JavaScript'],
    ['think', 'thinking', 'Ollama'],
    ['mesage', 'message', 'a typing error'],
    ['imgaes', 'images', 'a typing error'],
    ['temprature', 'temperature', 'a typing error'],
    ['sed', 'seed', 'a typing error'],
    ['colour', null, 'nothing near'],
    ['user_id', null, 'nothing near'],
    ['', null, 'nothing'],
    ['constructor', null, 'a name of every object'],
    ['m'.repeat(41), null, 'too long to be compared']
  ]
  for (const [name, field, client] of cases) t.equal(suggestField(name), field, `${name}: ${client}`)
})

t.test('the sentence advises, in English and Chinese, and programs find the suggestion', async t => {
  const image = unknownField('image')
  t.equal(image.message, 'Field "image" is unknown; did you mean "images"?')
  t.equal(image.sentence('zh'), '未知字段 "image"，您是否想用 "images"？')
  t.strictSame(image.details, { field: 'image', suggestion: 'images' })
  t.equal(
    unknownField('response_format[type]').message,
    'Field "response_format[type]" is unknown; send "response_format" as one field'
  )
  t.equal(unknownField('colour').message, 'Field "colour" is unknown; correct its name or remove it')
  t.match(unknownField('stream').message, /\/api\/chat_stream/)
})

t.test('a body for another API is recognized, whatever else is unknown', async t => {
  const cases: Array<[fields: string[], client: string]> = [
    [['model', 'messages', 'stream'], 'Ollama, OpenAI'],
    [['prompt', 'model', 'stream', 'options'], 'Ollama /api/generate'],
    [['max_completion_tokens', 'messages'], 'OpenAI']
  ]
  for (const [fields, client] of cases) {
    t.match(unknownFieldAmong(fields).message, /Sightline's own interface.* OpenAI's is at \/v1/, client)
  }
})
