import type { Phrase } from './language.ts'

// The constant parts of error sentences. Phrases that contain numbers are defined next to the code that throws them.

export { OPENAI_FAULTS } from './openai-phrases.ts'

type Phrases = Record<string, Phrase | ((...args: never[]) => Phrase)>

/** Each completes `Field "…" …`. */
export const FIELD_FAULTS = {
  mustBeNumber: { en: 'must be a number', zh: '必须是数字' },
  mustBeString: { en: 'must be a string', zh: '必须是字符串' },
  mustBeFile: {
    en: 'must be a file in a form; data URIs are for JSON bodies', zh: '在表单中必须是文件；data URI 用于 JSON 请求体'
  },
  mustBeText: { en: 'must be text in UTF-8 or JSON, not another file', zh: '必须是 UTF-8 文本或 JSON，而不是其他文件' },
  mustBeThinking: { en: 'must be "off", "on" or a number of tokens', zh: '必须是 "off"、"on" 或 token 数' },
  mustBeTurns: { en: 'must be a list of turns', zh: '必须是对话轮次的列表' },
  mustBeDataUris: { en: 'must be a list of data URIs', zh: '必须是 data URI 的列表' },
  mustBeDataUri: {
    en: 'must be a data URI in base64 (data:image/png;base64,…)',
    zh: '必须是 base64 编码的 data URI（data:image/png;base64,…）'
  },
  mustBeImageId: {
    en: 'must be the id of an image as on its receipt: sha256: and 64 hexadecimal digits',
    zh: '必须是回执中的图片 id：sha256: 加 64 位十六进制数字'
  },
  mustBePages: { en: 'must be a list of pages such as 1-3,7', zh: '必须是页码列表，例如 1-3,7' },
  needsPdf: { en: 'is given, but no PDF is', zh: '已给出，但没有 PDF' },
  idOfImage: {
    en: 'is the id of an image; name it in "images" of a turn of "history", and send here only new images',
    zh: '是图片的 id；请在 "history" 某一轮的 "images" 中引用它，此处只发送新图片'
  },
  mustBeHistoryImage: { en: 'must be an image that "history" names', zh: '必须是 "history" 中引用过的图片' },
  notBase64: (character: string, position: number) => ({
    en: `contains ${JSON.stringify(character)} at character ${position} of its base64, which base64 does not have`,
    zh: `的 base64 第 ${position} 个字符是 ${JSON.stringify(character)}，不属于 base64`
  }),
  afterPadding: { en: 'contains characters after the padding of its base64', zh: '的 base64 在填充之后还有字符' },
  notSet: (word: string) => ({
    en: `contains the word ${word} in place of base64: a variable is not set`,
    zh: `中应为 base64 的位置是单词 ${word}：有变量未赋值`
  }),
  blanksInBase64: {
    en: 'is truncated, or has blanks in place of "+": send base64 as it is, without decoding it as a form',
    zh: '不完整，或者 "+" 变成了空格：请原样发送 base64，不要按表单解码'
  },
  truncatedBase64: { en: 'is truncated: base64 never has this length', zh: '不完整：base64 不会是这个长度' },
  transferEncoding: (encoding: string) => ({
    en: `has Content-Transfer-Encoding ${encoding}; send its bytes as they are, or base64`,
    zh: `的 Content-Transfer-Encoding 为 ${encoding}；请直接发送原始字节，或使用 base64`
  }),
  inQuery: { en: 'is in the query of the address; send it in the body', zh: '出现在地址的查询参数中；请放在请求体中' },
  notInCharset: (charset: string) => ({
    en: `has bytes that are not ${charset}; send text in UTF-8`, zh: `含有不符合 ${charset} 的字节；请发送 UTF-8 文本`
  }),
  unknownCharset: (charset: string) => ({
    en: `has the unknown character set ${charset}; send text in UTF-8`, zh: `的字符集 ${charset} 未知；请发送 UTF-8 文本`
  }),
  repeated: { en: 'is given more than once', zh: '出现了多次' },
  unknown: { en: 'is unknown', zh: '未知' },
  invalid: { en: 'is not valid', zh: '无效' },
  invalidJson: { en: 'is not valid JSON', zh: '不是有效的 JSON' }
} satisfies Phrases

/** Advice about an unknown field. Each completes `Field "…" is unknown; …`. */
export const UNKNOWN_FIELD_ADVICE = {
  correct: { en: 'correct its name or remove it', zh: '请更正名称或删除' },
  didYouMean: (field: string) => ({ en: `did you mean "${field}"?`, zh: `您是否想用 "${field}"？` }),
  otherApi: {
    en: 'this is Sightline\'s own interface, with "message" and "images"; OpenAI\'s is at /v1/chat/completions',
    zh: '这是 Sightline 自己的接口，使用 "message" 与 "images"；OpenAI 接口位于 /v1/chat/completions'
  },
  otherPath: { en: 'for a stream, send the request to /api/chat_stream', zh: '如需流式回答，请发送到 /api/chat_stream' },
  item: (field: string) => ({
    en: `name the items of the list "${field}[]" or "${field}[0]"`,
    zh: `请把列表中的项命名为 "${field}[]" 或 "${field}[0]"`
  }),
  whole: (field: string) => ({ en: `send "${field}" as one field`, zh: `请把 "${field}" 作为一个字段发送` })
} satisfies Phrases

/** Why a request has no valid API key. */
export const KEY_FAULTS = {
  required: {
    en: 'A valid API key is required; send "Authorization: Bearer <key>" or "X-API-Key: <key>"',
    zh: '需要有效的 API 密钥；请发送 "Authorization: Bearer <密钥>" 或 "X-API-Key: <密钥>"'
  },
  several: {
    en: 'The request has several different API keys in "Authorization" and "X-API-Key"; send one',
    zh: '请求的 "Authorization" 与 "X-API-Key" 中有多个不同的 API 密钥；请只发送一个'
  }
} satisfies Phrases

/** Types of bodies. Each completes `Content-Type … is not supported; send …`. */
export const BODY_TYPES = {
  json: { en: 'application/json', zh: 'JSON 请求体' },
  formOrJson: { en: 'multipart/form-data or application/json', zh: 'multipart/form-data 或 application/json' }
} satisfies Phrases

/** Advice about a path that does not exist. Each completes `Not found: GET …; …`. */
export const PATH_ADVICE = {
  completions: { en: 'use POST /v1/chat/completions', zh: '请使用 POST /v1/chat/completions' },
  openai: {
    en: 'of OpenAI\'s API, this service has POST /v1/chat/completions and GET /v1/models',
    zh: '本服务在 OpenAI 接口中只提供 POST /v1/chat/completions 与 GET /v1/models'
  },
  baseUrl: {
    en: 'the base URL for OpenAI\'s clients is the address of this service with /v1, for POST /v1/chat/completions',
    zh: 'OpenAI 客户端的 base URL 是本服务的地址加 /v1，对应 POST /v1/chat/completions'
  },
  own: {
    en: 'this service has POST /api/chat, POST /api/chat_stream, GET /api/status and, for OpenAI\'s clients, ' +
      'POST /v1/chat/completions',
    zh: '本服务提供 POST /api/chat、POST /api/chat_stream、GET /api/status，以及面向 OpenAI 客户端的 ' +
      'POST /v1/chat/completions'
  }
} satisfies Phrases

/** Reasons why a request gets no thoughts. */
export const THINKING_FAULTS = {
  cannot: (model: string) => ({
    en: `the loaded model (${model}) cannot think`, zh: `当前模型（${model}）不具备思考能力`
  }),
  forbidden: { en: 'this service forbids them (MAX_THINKING_TOKENS=0)', zh: '本服务禁止思考（MAX_THINKING_TOKENS=0）' },
  refused: {
    en: 'the model server refuses them, because its model cannot think or its settings forbid it',
    zh: '模型服务器拒绝思考，因为其模型不具备思考能力，或其设置禁止思考'
  },
  /** Completes `Field "…" …`. */
  tooMany: (limit: number) => ({
    en: `asks for more thought tokens than this service allows: at most ${limit} (MAX_THINKING_TOKENS)`,
    zh: `要求的思考 token 数超过本服务的上限 ${limit}（MAX_THINKING_TOKENS）`
  })
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
  repeated: (name: string) => ({
    en: `an object has the name "${name}" twice`, zh: `一个对象中名称 "${name}" 出现了两次`
  }),
  encoding: { en: 'a string is not in UTF-8', zh: '的字符串不是 UTF-8 编码' },
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
  crowd: (limit: number) => ({ en: `an object has more than ${limit} members`, zh: `有对象的成员超过 ${limit} 个` }),
  namelessPart: {
    en: 'a part has no name; each needs Content-Disposition: form-data; name="…"',
    zh: '有一个部分没有名称；每个部分都需要 Content-Disposition: form-data; name="…"'
  },
  notFormData: (number: number) => ({
    en: `part ${number} has no header Content-Disposition: form-data; name="…"`,
    zh: `第 ${number} 个部分缺少头部 Content-Disposition: form-data; name="…"`
  })
} satisfies Phrases

/** Formats of images that are not accepted. Each completes `photo.jpg is …`, and `IMAGE_ADVICE.convert` follows. */
export const IMAGE_KINDS = {
  bmp: { en: 'a BMP image', zh: 'BMP 图片' },
  jpegXl: { en: 'a JPEG XL image', zh: 'JPEG XL 图片' },
  jpeg2000: { en: 'a JPEG 2000 image', zh: 'JPEG 2000 图片' },
  jpegXr: { en: 'a JPEG XR image', zh: 'JPEG XR 图片' },
  jpegLossless: { en: 'a lossless JPEG', zh: '无损 JPEG' },
  jpegHierarchical: { en: 'a hierarchical JPEG', zh: '分层 JPEG' },
  jpegBits: (bits: number) => ({ en: `a JPEG with ${bits} bits per sample`, zh: `每个样本 ${bits} 位的 JPEG` }),
  jpegLs: { en: 'a JPEG-LS image', zh: 'JPEG-LS 图片' },
  tga: { en: 'a TGA image', zh: 'TGA 图片' },
  netpbm: { en: 'a PPM, PGM or PBM image', zh: 'PPM、PGM 或 PBM 图片' },
  pfm: { en: 'a PFM image', zh: 'PFM 图片' },
  dds: { en: 'a DDS texture', zh: 'DDS 纹理' },
  ktx: { en: 'a KTX texture', zh: 'KTX 纹理' },
  exr: { en: 'an OpenEXR image', zh: 'OpenEXR 图片' },
  radiance: { en: 'a Radiance HDR image', zh: 'Radiance HDR 图片' },
  dicom: { en: 'a DICOM file', zh: 'DICOM 文件' },
  nifti: { en: 'a NIfTI volume', zh: 'NIfTI 体数据' },
  fits: { en: 'a FITS file', zh: 'FITS 文件' },
  zeiss: { en: 'a CZI microscope image', zh: 'CZI 显微图像' },
  qoi: { en: 'a QOI image', zh: 'QOI 图片' },
  bpg: { en: 'a BPG image', zh: 'BPG 图片' },
  flif: { en: 'a FLIF image', zh: 'FLIF 图片' },
  pcx: { en: 'a PCX image', zh: 'PCX 图片' },
  sgi: { en: 'an SGI image', zh: 'SGI 图片' },
  vips: { en: 'a libvips image', zh: 'libvips 图片' },
  photoshop: { en: 'a Photoshop document', zh: 'Photoshop 文档' },
  gimp: { en: 'a GIMP document', zh: 'GIMP 文档' },
  icon: { en: 'an icon', zh: '图标文件' },
  raw: { en: 'a raw photo of a camera', zh: '相机 RAW 照片' },
  dng: { en: 'a raw photo (DNG)', zh: 'RAW 照片（DNG）' },
  rawOf: (make: string) => ({ en: `a raw photo (${make})`, zh: `${make} 相机的 RAW 照片` }),
  svg: { en: 'an SVG drawing', zh: 'SVG 图形' },
  metafile: { en: 'a Windows metafile', zh: 'Windows 图元文件' },
  postScript: { en: 'a PostScript document', zh: 'PostScript 文档' },
  tiffCompressed: (method: string) => ({ en: `a TIFF with ${method} compression`, zh: `采用 ${method} 压缩的 TIFF` }),
  tiffMethod: (method: number) => ({
    en: `a TIFF with unknown compression (${method})`, zh: `采用未知压缩方式（${method}）的 TIFF`
  }),
  tiffColour: (space: string) => ({ en: `a TIFF in ${space} colour`, zh: `${space} 色彩的 TIFF` }),
  tiffPacked: (bits: number) => ({ en: `a TIFF with ${bits} bits per sample`, zh: `每个样本 ${bits} 位的 TIFF` }),
  tiffHalf: { en: 'a TIFF with floating-point samples of 16 bits', zh: '样本为 16 位浮点数的 TIFF' },
  tiffComplex: { en: 'a TIFF with complex numbers', zh: '样本为复数的 TIFF' },
  tiffChannels: (count: number) => ({ en: `a TIFF with ${count} channels`, zh: `含 ${count} 个通道的 TIFF` })
} satisfies Phrases

/** Other files. Each completes `photo.jpg is …`. `IMAGE_ADVICE.convert` follows a document, otherwise `.send`. */
export const FILE_KINDS = {
  pdf: { en: 'a PDF document', zh: 'PDF 文档' },
  html: { en: 'an HTML page', zh: 'HTML 页面' },
  text: { en: 'a text file', zh: '文本文件' },
  zip: { en: 'a ZIP archive or an office document', zh: 'ZIP 压缩包或 Office 文档' },
  archive: { en: 'a compressed archive', zh: '压缩包' },
  office: { en: 'an office document', zh: 'Office 文档' },
  array: { en: 'an array of numbers (NumPy, HDF5 or MATLAB)', zh: '数值数组（NumPy、HDF5 或 MATLAB）' },
  appleDouble: {
    en: 'a file with metadata of macOS, whose image has the name without "._"',
    zh: 'macOS 的元数据文件（图片的文件名不带 "._"）'
  },
  video: { en: 'a video', zh: '视频' },
  sound: { en: 'a sound', zh: '音频' },
  soundOrVideo: { en: 'a sound or a video', zh: '音频或视频' },
  program: { en: 'a program', zh: '程序' },
  notAnImage: { en: 'not an image', zh: '不是图片' }
} satisfies Phrases

/** What to do about a file that is not accepted. */
export const IMAGE_ADVICE = {
  convert: { en: 'convert it to JPEG or PNG', zh: '请转换为 JPEG 或 PNG' },
  send: {
    en: 'send JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or PDF', zh: '请发送 JPEG、PNG、WebP、AVIF、HEIC、GIF、TIFF 或 PDF'
  }
} satisfies Phrases

/** Each completes `photo.jpg cannot be decoded: …`. */
export const IMAGE_FAULTS = {
  damagedHeader: { en: 'its header is truncated or damaged', zh: '文件头不完整或已损坏' },
  noSamples: {
    en: 'all its samples are missing (NaN, infinite or nodata)', zh: '所有样本均缺失（NaN、无穷或 nodata）'
  },
  damaged: { en: 'it is truncated or damaged', zh: '不完整或已损坏' },
  otherContent: (format: string) => ({
    en: `its first bytes say ${format}, but its content is something else`, zh: `开头是 ${format}，内容却不是`
  }),
  tooSlow: (seconds: number) => ({ en: `it takes longer than ${seconds} seconds`, zh: `解码超过 ${seconds} 秒` }),
  tooMuchMemory: (mebibytes: number) => ({
    en: `it takes more than ${mebibytes} MiB of memory`, zh: `解码所需内存超过 ${mebibytes} MiB`
  })
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
  cannotExist: { en: 'UPLOAD_DIR cannot be created', zh: '无法创建 UPLOAD_DIR' },
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
