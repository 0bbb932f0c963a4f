import type { Phrase } from './language.ts'

type Phrases = Record<string, Phrase | ((...args: never[]) => Phrase)>

const IMAGE_PART = '{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}'
const PARTS = `[{"type": "text", "text": "…"}, ${IMAGE_PART}]`

/** Faults that only requests of the OpenAI-compatible API can have. Each completes `Field "…" …`. */
export const OPENAI_FAULTS = {
  required: { en: 'is required', zh: '必填' },
  mustBeObject: { en: 'must be an object', zh: '必须是对象' },
  mustBeMessages: { en: 'must be a list with at least one message', zh: '必须是至少含一条消息的列表' },
  mustBeContent: { en: 'must be a text or a list of parts', zh: '必须是文本或内容片段的列表' },
  mustBeDetail: { en: 'must be auto, low or high', zh: '必须是 auto、low 或 high' },
  mustBeImageId: {
    en: 'must be sightline:sha256: and 64 hexadecimal digits', zh: '必须是 sightline:sha256: 加 64 位十六进制数字'
  },
  mustBeCalls: { en: 'must be a list of calls', zh: '必须是调用的列表' },
  mustBeArguments: { en: 'must be a JSON object as text', zh: '必须是文本形式的 JSON 对象' },
  unknownCall: { en: 'must be the id of a call in an earlier message', zh: '未指向先前消息中的任何调用' },
  onlyOneAnswer: { en: 'must be 1: a request has one answer', zh: '必须为 1：每次请求只有一个回答' },
  onlyText: { en: 'must be ["text"]', zh: '必须是 ["text"]' },
  unsupported: { en: 'is not supported', zh: '不受支持' },
  noProbabilities: {
    en: 'is not supported: the sampler does not report the probabilities of the model',
    zh: '不受支持：采样器不提供模型本身的概率'
  },
  useTools: { en: 'is not supported; use "tools"', zh: '不受支持，请使用 "tools"' },
  useToolChoice: { en: 'is not supported; use "tool_choice"', zh: '不受支持，请使用 "tool_choice"' },
  mustBeEffort: {
    en: 'must be none, minimal, low, medium, high, xhigh or max',
    zh: '必须是 none、minimal、low、medium、high、xhigh 或 max'
  },
  mustBeEnabled: { en: 'must be enabled or disabled', zh: '必须是 enabled 或 disabled' },
  mustBeTemplateArguments: {
    en: 'must be an object with "enable_thinking" alone', zh: '必须是只含 "enable_thinking" 的对象'
  },
  mustBePart: {
    en: 'must be text or an image: {"type": "text", "text": "…"} or ' +
      '{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}',
    zh: '必须是文本或图片：{"type": "text", "text": "…"} 或 ' +
      '{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}'
  },
  mustBeImage: {
    en: 'must contain one image as text: "data:image/png;base64,…", base64 alone, a URL, or "sightline:sha256:…"',
    zh: '必须以文本形式包含一张图片："data:image/png;base64,…"、单独的 base64、URL 或 "sightline:sha256:…"'
  },
  secondImage: {
    en: 'is a second image of the same part; send each image as a part of its own',
    zh: '是同一片段中的第二张图片；请让每张图片单独成为一个片段'
  },
  unknownMember: {
    en: `is not read here; send texts and images as parts of "content": ${PARTS}`,
    zh: `在此处不会被读取；请把文本和图片作为 "content" 的片段发送：${PARTS}`
  },
  embeddedImage: {
    en: `contains an image in base64, which the model would read as letters; send it as a part: ${IMAGE_PART}`,
    zh: `含有 base64 图片，模型会把它当作文字来读；请将其作为片段发送：${IMAGE_PART}`
  },
  useImageParts: {
    en: `is not supported; images belong into "messages": {"role": "user", "content": ${PARTS}}`,
    zh: `不受支持；图片应放在 "messages" 中：{"role": "user", "content": ${PARTS}}`
  },
  useDetail: {
    en: 'is not supported; send "detail": "low" next to the image for at most 512 pixels, or send a smaller image',
    zh: '不受支持；请在图片旁发送 "detail": "low"（最多 512 像素），或发送更小的图片'
  },
  noFileIds: {
    en: `is not supported: this service stores no files; send the image itself: ${IMAGE_PART}`,
    zh: `不受支持：本服务不存储文件；请发送图片本身：${IMAGE_PART}`
  },
  noVideo: {
    en: `is a video, which is not supported; send frames of it as images: ${IMAGE_PART}`,
    zh: `是视频，不受支持；请将其中的画面作为图片发送：${IMAGE_PART}`
  },
  noAudio: {
    en: `is a sound, which is not supported; parts are texts and images: ${IMAGE_PART}`,
    zh: `是音频，不受支持；片段只能是文本或图片：${IMAGE_PART}`
  },
  needsFileData: {
    en: 'is not supported; send the file as a data URI in "file_data"', zh: '不受支持；请在 "file_data" 中以 data URI 发送文件'
  },
  useToolMessages: {
    en: 'is not supported; calls belong into "tool_calls" of an answer, and results into messages with the role "tool"',
    zh: '不受支持；调用应放在回答的 "tool_calls" 中，结果应放在角色为 "tool" 的消息中'
  },
  noPrefix: {
    en: 'is not supported: an answer always begins anew; ask for its beginning in a message of the user',
    zh: '不受支持：回答总是从头开始；请在用户消息中说明开头'
  },
  mustBeTrueOrFalse: { en: 'must be true or false', zh: '必须是 true 或 false' },
  mustBeSchema: {
    en: 'must be a JSON schema: an object, or its JSON as text', zh: '必须是 JSON schema：对象，或其 JSON 文本'
  },
  onlyFunctions: {
    en: 'is a tool without a JSON schema, which is not supported; offer a function: ' +
      '{"type": "function", "function": {"name": "…", "parameters": {…}}}',
    zh: '是没有 JSON schema 的工具，不受支持；请提供函数：' +
      '{"type": "function", "function": {"name": "…", "parameters": {…}}}'
  },
  useSampling: {
    en: 'is not supported; the sampling fields are "temperature", "top_p", "top_k", "min_p", "repeat_penalty", ' +
      '"frequency_penalty" and "presence_penalty"',
    zh: '不受支持；采样字段有 "temperature"、"top_p"、"top_k"、"min_p"、"repeat_penalty"、' +
      '"frequency_penalty" 和 "presence_penalty"'
  },
  useMaxTokens: {
    en: 'is not supported; limit the tokens of the answer by "max_tokens"', zh: '不受支持；请用 "max_tokens" 限制回答的 token 数'
  },
  useStop: { en: 'is not supported; send texts in "stop"', zh: '不受支持；请在 "stop" 中发送文本' },
  useInstructions: {
    en: 'is not supported; ask for it in a message', zh: '不受支持；请在消息中说明'
  },
  useThinking: {
    en: 'is not supported; use "reasoning_effort" or "thinking_budget"',
    zh: '不受支持；请使用 "reasoning_effort" 或 "thinking_budget"'
  },
  noSearch: {
    en: 'is not supported: this service searches nothing; offer a function in "tools"',
    zh: '不受支持：本服务不进行搜索；请在 "tools" 中提供函数'
  },
  noTime: {
    en: 'is not supported: the service limits the time of a request; use "max_tokens"',
    zh: '不受支持：请求的时间由服务限制；请使用 "max_tokens"'
  },
  wholeConversation: {
    en: 'is not supported: conversations are not stored; send all of them in "messages"',
    zh: '不受支持：服务不存储对话；请在 "messages" 中发送完整对话'
  },
  asOneAnswer: { en: 'is not supported: a request has one answer', zh: '不受支持：每次请求只有一个回答' },
  asPlainText: {
    en: 'is not supported: answers are text without special tokens', zh: '不受支持：回答是不含特殊 token 的文本'
  },
  loadedModel: {
    en: 'is not supported: a request is answered by the loaded model in "model"',
    zh: '不受支持：请求由 "model" 指定的已加载模型回答'
  },
  asThoughts: {
    en: 'is not supported: thoughts are always returned, as "reasoning_content"',
    zh: '不受支持：思考内容总是作为 "reasoning_content" 返回'
  },
  onlyJsonOutputs: {
    en: 'is supported with "json" alone; a JSON schema can also be sent in "response_format"',
    zh: '只支持 "json"；JSON schema 也可放在 "response_format" 中'
  },
  useResponseFormat: {
    en: 'is not supported; constrain the answer by a JSON schema in "response_format"',
    zh: '不受支持；请在 "response_format" 中用 JSON schema 约束回答'
  },
  useMessages: {
    en: 'is not supported; use "messages": [{"role": "user", "content": "…"}]',
    zh: '不受支持，请使用 "messages"：[{"role": "user", "content": "…"}]'
  },
  useFields: {
    en: 'is not supported; send its members as fields of the request', zh: '不受支持；请把其中的成员作为请求的字段发送'
  },
  contradicts: (field: string) => ({ en: `contradicts "${field}"`, zh: `与 "${field}" 相互矛盾` }),
  mustBeTools: { en: 'must be a list of tools', zh: '必须是工具的列表' },
  mustBeToolName: { en: 'must have 1 to 64 letters, digits, _ or -', zh: '必须由 1 到 64 个字母、数字、_ 或 - 组成' },
  mustBeToolChoice: {
    en: 'must be none, auto, required or a function', zh: '必须是 none、auto、required 或某个函数'
  },
  unknownTool: { en: 'must name one of "tools"', zh: '不是 "tools" 中的任何一个' },
  needsTools: { en: 'requires "tools"', zh: '需要同时给出 "tools"' },
  excludesTools: {
    en: 'cannot be combined with "tools" unless "tool_choice" is "none"',
    zh: '不能与 "tools" 同时使用，除非 "tool_choice" 为 "none"'
  }
} satisfies Phrases
