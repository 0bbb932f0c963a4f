/**
 * Names of members that contain an image in the JSON of chat completions, with a client that writes each. The value is
 * a text, an object with a member of this list, or a list of them.
 */
export const IMAGE_NAMES: Readonly<Record<string, string>> = {
  image_url: 'OpenAI, Responses, LangChain',
  imageUrl: 'Mistral\'s SDK',
  image: 'Qwen, AI SDK',
  input_image: 'Responses',
  url: 'Qwen, AI SDK',
  uri: 'Gemini',
  source: 'Anthropic, Bedrock',
  data: 'MCP, Anthropic, LangChain, AI SDK',
  inline_data: 'Gemini',
  inlineData: 'Gemini\'s SDK',
  bytes: 'Bedrock',
  base64: 'LangChain',
  b64_json: 'OpenAI\'s images',
  image_base64: 'written by hand',
  base64_image: 'Haystack',
  image_data: 'llama-server',
  file: 'OpenAI',
  file_data: 'OpenAI, Responses',
  file_url: 'Responses'
}

/** Names of lists of images, next to the content of a message or in a part of it. */
export const IMAGE_LIST_NAMES: Readonly<Record<string, string>> = {
  images: 'Ollama, Haystack',
  image_urls: 'written by hand',
  attachments: 'chat pages',
  experimental_attachments: 'AI SDK 4',
  files: 'chat pages'
}
