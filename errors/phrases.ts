import type { Phrase } from './language.ts'

// The constant parts of error sentences. Phrases that contain numbers are defined next to the code that throws them.

type Phrases = Record<string, Phrase | ((...args: never[]) => Phrase)>

/** Each completes `Field "…" …`. */
export const FIELD_FAULTS = {
  mustBeNumber: { en: 'must be a number', zh: '必须是数字' },
  mustBeString: { en: 'must be a string', zh: '必须是字符串' },
  mustBeFile: { en: 'must be a file', zh: '必须是文件' },
  mustBeText: { en: 'must be text, not a file', zh: '必须是文本，而不是文件' },
  mustBeThinking: { en: 'must be "off", "on" or a number of tokens', zh: '必须是 "off"、"on" 或 token 数' },
  mustBeTurns: { en: 'must be a list of turns', zh: '必须是对话轮次的列表' },
  mustBeDataUris: { en: 'must be a list of data URIs', zh: '必须是 data URI 的列表' },
  mustBeDataUri: {
    en: 'must be a data URI in base64 (data:image/png;base64,…)',
    zh: '必须是 base64 编码的 data URI（data:image/png;base64,…）'
  },
  mustBeHistoryImage: { en: 'must be an image that "history" names', zh: '必须是 "history" 中引用过的图片' },
  notBase64: { en: 'contains characters that are not base64', zh: '含有不属于 base64 的字符' },
  truncatedBase64: { en: 'is truncated: base64 never has this length', zh: '不完整：base64 不会是这个长度' },
  repeated: { en: 'is given more than once', zh: '出现了多次' },
  unknown: { en: 'is unknown', zh: '未知' },
  invalid: { en: 'is not valid', zh: '无效' },
  invalidJson: { en: 'is not valid JSON', zh: '不是有效的 JSON' },
  excludesStop: { en: 'cannot be combined with "stop"', zh: '不能与 "stop" 同时使用' }
} satisfies Phrases

/** Reasons why a request gets no thoughts. */
export const THINKING_FAULTS = {
  cannot: (model: string) => ({
    en: `the loaded model (${model}) cannot think`, zh: `当前模型（${model}）不具备思考能力`
  }),
  forbidden: { en: 'this service forbids them (MAX_THINKING_TOKENS=0)', zh: '本服务禁止思考（MAX_THINKING_TOKENS=0）' },
  /** Completes `Field "…" …`. */
  tooMany: (limit: number) => ({
    en: `asks for more thought tokens than this service allows: at most ${limit} (MAX_THINKING_TOKENS)`,
    zh: `要求的思考 token 数超过本服务的上限 ${limit}（MAX_THINKING_TOKENS）`
  })
} satisfies Phrases

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
  contradicts: (field: string) => ({ en: `contradicts "${field}"`, zh: `与 "${field}" 相互矛盾` }),
  mustBeTools: { en: 'must be a list of tools', zh: '必须是工具的列表' },
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

/** Each is completed by its position, e.g. `The JSON body is rejected: a colon is expected at byte 9 (line 1)`. */
export const JSON_FAULTS = {
  value: { en: 'a value is expected', zh: '应为一个值' },
  valueOrEnd: { en: 'a value or ] is expected', zh: '应为一个值或 ]' },
  name: { en: 'a name in double quotes is expected', zh: '应为带双引号的名称' },
  nameOrEnd: { en: 'a name in double quotes or } is expected', zh: '应为带双引号的名称或 }' },
  colon: { en: 'a colon is expected', zh: '应为冒号' },
  commaOrEndOfList: { en: 'a comma or ] is expected', zh: '应为逗号或 ]' },
  commaOrEndOfObject: { en: 'a comma or } is expected', zh: '应为逗号或 }' },
  nothing: { en: 'the end is expected', zh: '应已结束' },
  scalar: { en: 'it has an invalid number or word', zh: '有无效的数字或单词' },
  control: { en: 'a string has a control character', zh: '的字符串含有控制字符' },
  escape: { en: 'a string has an invalid escape', zh: '的字符串含有无效的转义' },
  prototype: {
    en: 'the names __proto__ and constructor.prototype are not allowed',
    zh: '不允许使用名称 __proto__ 和 constructor.prototype'
  },
  tooShort: { en: 'it ends too early', zh: '过早结束' }
} satisfies Phrases

/** Each completes `The JSON body is rejected: …` or `The multipart body is malformed: …`. */
export const BODY_FAULTS = {
  empty: { en: 'it is empty', zh: '内容为空' },
  mustBeObject: { en: 'it must be an object', zh: '必须是一个对象' },
  namelessPart: { en: 'a part has no name', zh: '有一个部分没有名称' },
  encodedPart: (encoding: string) => ({
    en: `a part has the Content-Transfer-Encoding ${encoding}; send its bytes as they are`,
    zh: `有一个部分的 Content-Transfer-Encoding 为 ${encoding}；请按原样发送其字节`
  })
} satisfies Phrases

/** Each completes `photo.jpg is …`. */
export const IMAGE_KINDS = {
  jpegXl: { en: 'a JPEG XL image', zh: 'JPEG XL 图片' },
  jpeg2000: { en: 'a JPEG 2000 image', zh: 'JPEG 2000 图片' },
  photoshop: { en: 'a Photoshop document', zh: 'Photoshop 文档' },
  icon: { en: 'an icon', zh: '图标文件' },
  zip: { en: 'a ZIP archive or an office document', zh: 'ZIP 压缩包或 Office 文档' },
  archive: { en: 'a compressed archive', zh: '压缩包' },
  video: { en: 'a video', zh: '视频' },
  soundOrVideo: { en: 'a sound or a video', zh: '音频或视频' },
  bmp: { en: 'a BMP image', zh: 'BMP 图片' },
  pdf: { en: 'a PDF document', zh: 'PDF 文档' },
  heic: { en: 'a HEIC image', zh: 'HEIC 图片' },
  html: { en: 'an HTML page', zh: 'HTML 页面' },
  svg: { en: 'an SVG drawing', zh: 'SVG 图形' },
  text: { en: 'a text file', zh: '文本文件' },
  notAnImage: { en: 'not an image', zh: '不是图片' }
} satisfies Phrases

/** Each completes `photo.jpg cannot be decoded: …`. */
export const IMAGE_FAULTS = {
  damagedHeader: { en: 'its header is truncated or damaged', zh: '文件头不完整或已损坏' },
  damaged: { en: 'it is truncated or damaged', zh: '不完整或已损坏' }
} satisfies Phrases

/** Each completes `The image at "…" was not fetched: …` or `The image at "…" could not be fetched: …`. */
export const FETCH_FAULTS = {
  notUrl: { en: 'it is not a valid URL', zh: '它不是有效的 URL' },
  tooLong: (characters: number) => ({
    en: `its URL is longer than ${characters} characters`, zh: `URL 超过 ${characters} 个字符`
  }),
  scheme: { en: 'only http and https are supported', zh: '只支持 http 和 https' },
  credentials: { en: 'its URL contains a user name or a password', zh: 'URL 中含有用户名或密码' },
  off: {
    en: 'this service does not fetch images; send it as a data URI', zh: '此服务不获取图片，请以 data URI 发送'
  },
  host: {
    en: 'its host is not on the list of allowed hosts; send it as a data URI',
    zh: '其主机不在允许之列，请以 data URI 发送'
  },
  port: { en: 'only the default ports of http and https are allowed', zh: '只允许 http 和 https 的默认端口' },
  address: { en: 'its host has an address that is not public', zh: '其主机的地址不是公网地址' },
  resolve: { en: 'its host cannot be found', zh: '找不到其主机' },
  connect: { en: 'its host cannot be reached', zh: '无法连接其主机' },
  secure: { en: 'a secure connection to its host cannot be established', zh: '无法与其主机建立安全连接' },
  http: { en: 'its host does not answer in valid HTTP', zh: '其主机的应答不符合 HTTP' },
  broken: { en: 'the connection broke off', zh: '连接中断' },
  encoded: { en: 'its host sent it compressed, which this service does not accept', zh: '其主机未经请求就压缩了内容' },
  tooManyRedirects: (limit: number) => ({
    en: `it is redirected more than ${limit} times`, zh: `重定向超过 ${limit} 次`
  }),
  status: (status: number) => ({
    en: `its host answers with status ${status}`, zh: `其主机返回状态码 ${status}`
  }),
  tooSlow: (seconds: number) => ({ en: `it takes longer than ${seconds} seconds`, zh: `用时超过 ${seconds} 秒` }),
  afterRedirect: ({ en, zh }: Phrase) => ({ en: `after a redirect, ${en}`, zh: `重定向之后，${zh}` })
} satisfies Phrases

/** Each completes `The upload could not be stored: …`. */
export const STORAGE_FAULTS = {
  diskFull: { en: 'the disk is full', zh: '磁盘已满' },
  quotaUsedUp: { en: 'the disk quota is used up', zh: '磁盘配额已用完' },
  readOnly: { en: 'the file system is read-only', zh: '文件系统为只读' },
  notAllowed: { en: 'the service has no permission to write to UPLOAD_DIR', zh: '服务无权写入 UPLOAD_DIR' },
  notAFolder: { en: 'UPLOAD_DIR is not a folder', zh: 'UPLOAD_DIR 不是文件夹' },
  unknown: { en: 'unknown reason', zh: '原因不明' }
} satisfies Phrases

/** Why a model is not ready. Each completes `The model is not ready: …`. */
export const NOT_READY = {
  loading: { en: 'the model is being loaded', zh: '模型正在加载' },
  downloading: (file: string, percent: number) => ({
    en: `downloading ${file}, ${percent} %`, zh: `正在下载 ${file}，${percent} %`
  }),
  restarting: { en: 'the model process crashed and is being restarted', zh: '模型进程已崩溃，正在重启' },
  shuttingDown: { en: 'the service is shutting down', zh: '服务正在关闭' },
  noAnswerYet: { en: 'the model server has not answered yet', zh: '模型服务器尚未响应' },
  unreachable: { en: 'the model server cannot be reached', zh: '无法连接模型服务器' },
  upstreamNotReady: { en: 'the model server is not ready', zh: '模型服务器尚未就绪' }
} satisfies Phrases
