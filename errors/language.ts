import Negotiator from 'negotiator'

/** Browsers send some dozens of characters; ordering thousands of languages takes time. */
const HEADER_MAX_CHARACTERS = 1_000

/** The languages in which the service speaks to people. Codes, logs and what operators read stay English. */
export type Language = 'en' | 'zh'

/** A piece of a sentence. A plain string is English; the table below says it in Chinese, or it is no language at all (a name, a number). */
export type Phrase = string | Record<Language, string>

/** The language that a client wants, from its `Accept-Language`; English when it names none of ours. */
export function preferredLanguage (acceptLanguage: string | undefined): Language {
  if (acceptLanguage === undefined) return 'en'
  const header = acceptLanguage.slice(0, HEADER_MAX_CHARACTERS)
  // zh-CN, zh-Hant and the like all mean that Chinese is read.
  const wanted = new Negotiator({ headers: { 'accept-language': header } }).languages()
  const first = wanted.map(tag => tag.toLowerCase().split('-')[0]).find(tag => tag === 'en' || tag === 'zh')
  return first === 'zh' ? 'zh' : 'en'
}

export function say (phrase: Phrase, language: Language): string {
  if (typeof phrase !== 'string') return phrase[language]
  return language === 'zh' ? PHRASES_ZH.get(phrase) ?? phrase : phrase
}

/** The constant pieces that errors put into their sentences. */
const PHRASES_ZH = new Map(Object.entries({
  // of fields
  'must be a number': '必须是数字',
  'must be string': '必须是字符串',
  'must be a file': '必须是文件',
  'must be text, not a file': '必须是文本，而不是文件',
  'must be a list of turns': '必须是对话轮次的列表',
  'must be a list of data URIs': '必须是 data URI 的列表',
  'must be a data URI with base64 (data:image/png;base64,…)': '必须是 base64 编码的 data URI（data:image/png;base64,…）',
  'has characters that are not base64': '含有不属于 base64 的字符',
  'is cut off: base64 never has this length': '不完整：base64 不会是这个长度',
  'is given more than once': '出现了多次',
  'is not known': '未知',
  'is not valid JSON': '不是有效的 JSON',
  'must be a picture that "history" names': '必须是 "history" 中引用过的图片',
  'cannot be combined with "stop"': '不能与 "stop" 同时使用',
  // of OpenAI's dialect
  'is required': '必填',
  'must be an object': '必须是对象',
  'must be a list with at least one message': '必须是至少含一条消息的列表',
  'must be system, developer, user, assistant or tool': '必须是 system、developer、user、assistant 或 tool',
  'must be a text or a list of parts': '必须是文本或内容片段的列表',
  'must be text or image_url': '必须是 text 或 image_url',
  'must be auto, low or high': '必须是 auto、low 或 high',
  'must be sightline:sha256: and 64 hex digits': '必须是 sightline:sha256: 加 64 位十六进制数字',
  'must be a list of calls': '必须是调用的列表',
  'must be a JSON object as text': '必须是文本形式的 JSON 对象',
  'names no call of an earlier message': '未指向先前消息中的任何调用',
  'must be 1: one answer a request': '必须为 1：每次请求只有一个回答',
  'must be ["text"]': '必须是 ["text"]',
  'is not supported': '不受支持',
  'is not supported: the sampler tells no probabilities of the model itself': '不受支持：采样器不提供模型本身的概率',
  'is not supported, use "tools"': '不受支持，请使用 "tools"',
  'is not supported, use "tool_choice"': '不受支持，请使用 "tool_choice"',
  'must be a list of tools': '必须是工具的列表',
  'must be none, auto, required or a function': '必须是 none、auto、required 或某个函数',
  'names none of "tools"': '不是 "tools" 中的任何一个',
  'needs "tools"': '需要同时给出 "tools"',
  'cannot be combined with "tools", unless "tool_choice" is "none"': '不能与 "tools" 同时使用，除非 "tool_choice" 为 "none"',
  // of bodies
  'it is empty': '内容为空',
  'it must be an object': '必须是一个对象',
  'it cannot be parsed, or has a key __proto__ or constructor': '无法解析，或含有键 __proto__ 或 constructor',
  'a part has no name': '有一个部分没有名称',
  // of images
  'a JPEG XL picture': 'JPEG XL 图片',
  'a JPEG 2000 picture': 'JPEG 2000 图片',
  'a Photoshop document': 'Photoshop 文档',
  'an icon': '图标文件',
  'a ZIP archive or an office document': 'ZIP 压缩包或 Office 文档',
  'a compressed archive': '压缩包',
  'a video': '视频',
  'a sound or a video': '音频或视频',
  'a BMP picture': 'BMP 图片',
  'a PDF document': 'PDF 文档',
  'a HEIC picture': 'HEIC 图片',
  'an HTML page': 'HTML 页面',
  'an SVG drawing': 'SVG 图形',
  'a text file': '文本文件',
  'not a picture': '不是图片的文件',
  'its header is truncated or damaged': '文件头不完整或已损坏',
  'it is truncated or damaged': '不完整或已损坏',
  // of storage
  'the disk is full': '磁盘已满',
  'the disk quota is used up': '磁盘配额已用完',
  'the file system is read-only': '文件系统为只读',
  'the service may not write to UPLOAD_DIR': '服务无权写入 UPLOAD_DIR',
  'UPLOAD_DIR is not a folder': 'UPLOAD_DIR 不是文件夹',
  // of the model
  'the model is being loaded': '模型正在加载',
  'the model process died and is being restarted': '模型进程已退出，正在重启',
  'the service is shutting down': '服务正在关闭',
  'the model server has not answered yet': '模型服务器尚未响应',
  'the model server cannot be reached': '无法连接模型服务器',
  'the model server is not ready': '模型服务器尚未就绪'
}))
