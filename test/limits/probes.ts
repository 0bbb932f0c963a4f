import type { LimitName } from '../../tools/scripts/limits.ts'
import {
  call, chat, complete, emptyInputs, form, imageId, json, MB, namingImages, nested, noImage, redImage, repeat, turn,
  withSchema, type Asking
} from './requests.ts'

/** Makes a request at a limit and a request just beyond it. */
export interface Probe {
  /** @param excess 0: at the limit; 1: beyond it */
  ask (excess: 0 | 1): Asking | Promise<Asking>
  /** Matches the words of the refusal's sentence that name the limited thing. */
  names: RegExp
  /** The limit as the sentence writes it; null if the sentence contains no number. */
  figure: string | null
  /** The error code of a request at the limit, if another fault causes a refusal. */
  otherwise?: string
}

/** The test file that covers a limit which one request cannot reach. */
export interface Elsewhere { elsewhere: string }

/**
 * A probe for each limit, or the file that tests it.
 * @param model name of the loaded model, for the OpenAI-compatible API
 */
export const createProbes = (model: string): Record<LimitName, Probe | Elsewhere> => ({
  connections: { elsewhere: 'test/clients/connections.test.ts' },
  pipelined: { elsewhere: 'test/clients/greedy.test.ts' },
  headTime: { elsewhere: 'test/clients/slow-senders.test.ts' },
  uploadTime: { elsewhere: 'test/clients/slow-senders.test.ts' },
  requestTime: { elsewhere: 'test/plugins/cleanup.test.ts' },
  readTime: { elsewhere: 'test/clients/stalled-readers.test.ts' },
  discarded: { elsewhere: 'test/plugins/request-body.test.ts' },
  wrongKeys: { elsewhere: 'test/clients/wrong-keys.test.ts' },
  keyRate: { elsewhere: 'test/plugins/rate-limit.test.ts' },
  addressRate: { elsewhere: 'test/plugins/rate-limit.test.ts' },
  slots: { elsewhere: 'test/plugins/concurrency-limit.test.ts' },
  queue: { elsewhere: 'test/plugins/concurrency-limit.test.ts' },
  queueTime: { elsewhere: 'test/plugins/concurrency-limit.test.ts' },
  head: {
    ask: excess => ({
      path: '/health/live', init: { headers: { 'x-padding': 'x'.repeat(15 * 1024 + excess * 1024) } }
    }),
    names: /headers/,
    figure: '16 KB'
  },

  jsonBody: {
    ask: excess => json('{"message":"Hi","max_tokens":1}'.padEnd(3 * MB + excess)), names: /body/, figure: '3 MB'
  },
  jsonDepth: {
    ask: excess => json(`{"message":"Hi","stop":${nested(127 + excess)}}`),
    names: /body .* nested/,
    figure: '128',
    otherwise: 'INVALID_FIELD'
  },
  jsonValues: {
    ask: excess => json(`{"message":"Hi","stop":[${'0,'.repeat(49_997 + excess)}0]}`),
    names: /body .* values/,
    figure: '50000',
    otherwise: 'INVALID_FIELD'
  },
  jsonNames: {
    ask: excess => json(`{"message":"Hi","${'/'.repeat(1000 + excess)}" :0}`),
    names: /body .* name/,
    figure: '1000',
    otherwise: 'UNKNOWN_FIELD'
  },
  formParts: { ask: excess => emptyInputs(998 + excess), names: /parts/, figure: '1000' },
  formFields: {
    ask: excess => form({ message: 'Hi', stop: repeat(249 + excess, String) }),
    names: /text fields/,
    figure: '250',
    otherwise: 'INVALID_FIELD'
  },
  formField: {
    ask: excess => form({ message: 'Hi', system: 'x'.repeat(MB + excess) }),
    names: /"system"/,
    figure: '1048576',
    otherwise: 'INVALID_FIELD'
  },
  formText: {
    ask: excess => form({ message: 'Hi', history: [MB, MB, MB, MB - 2 + excess].map(length => '{}'.padEnd(length)) }),
    names: /"history"/,
    figure: '4194304',
    otherwise: 'INVALID_HISTORY'
  },
  pagesAndFrames: { elsewhere: 'test/routes/documents.test.ts' },
  images: {
    ask: excess => form({ message: 'Hi' }, repeat(4 + excess, i => Buffer.from(`text ${i}`))),
    names: /images/,
    figure: '4',
    otherwise: 'UNSUPPORTED_IMAGE'
  },
  sentImages: {
    ask: excess => form({ message: 'Hi' }, repeat(128 + excess, () => noImage)),
    names: /images/,
    figure: '128',
    otherwise: 'UNSUPPORTED_IMAGE'
  },
  file: {
    ask: excess => form({ message: 'Hi' }, [Buffer.alloc(MB + excess, 1)]),
    names: /images\[0\]/,
    figure: '1 MB',
    otherwise: 'UNSUPPORTED_IMAGE'
  },
  uriHead: {
    ask: excess => chat({ images: [`data:${'x'.repeat(1000 - 'data:;base64,'.length + excess)};base64,SGk=`] }),
    names: /"images\[0\]"/,
    figure: null,
    otherwise: 'UNSUPPORTED_IMAGE'
  },
  uriLength: {
    ask: excess => json(
      `{"message":"Hi","images":["data:;base64,SGk=${'\\n'.repeat(2 * MB + 491 + excess)}"]}`
    ),
    names: /images\[0\]/,
    figure: '1 MB',
    otherwise: 'UNSUPPORTED_IMAGE'
  },

  message: {
    ask: excess => chat({ message: '😀'.repeat(32_000 + excess) }),
    names: /"message"/,
    figure: '32000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  system: {
    ask: excess => chat({ system: 'x'.repeat(32_000 + excess) }),
    names: /"system"/,
    figure: '32000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  turns: { ask: excess => chat({ history: repeat(200 + excess, () => turn()) }), names: /"history"/, figure: '200' },
  content: {
    ask: excess => chat({ history: [turn({ content: 'x'.repeat(32_000 + excess) })] }),
    names: /"history" turn 0 content/,
    figure: '32000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  turnImages: {
    ask: excess => chat({ history: [turn({ images: repeat(64 + excess, imageId) })] }),
    names: /"history" turn 0 images/,
    figure: '64',
    otherwise: 'IMAGE_EXPIRED'
  },
  namedImages: {
    ask: excess => namingImages(repeat(256 + excess, i => i)),
    names: /"history" .* different images/,
    figure: '256',
    otherwise: 'IMAGE_EXPIRED'
  },
  mentions: {
    ask: excess => namingImages(repeat(1000 + excess, () => 7)),
    names: /"history" .* by id/,
    figure: '1000',
    otherwise: 'IMAGE_EXPIRED'
  },
  stops: { ask: excess => chat({ stop: repeat(16 + excess, String) }), names: /"stop"/, figure: '16' },
  stop: { ask: excess => chat({ stop: ['x'.repeat(100 + excess)] }), names: /"stop\[0\]"/, figure: '100' },
  pages: {
    ask: excess => chat({ pages: `1${' '.repeat(999 + excess)}` }),
    names: /"pages"/,
    figure: null,
    // There is no PDF.
    otherwise: 'INVALID_FIELD'
  },
  frames: { ask: excess => chat({ frames: 64 + excess }), names: /"frames"/, figure: '64' },
  messages: {
    ask: excess => complete(model, { messages: repeat(1000 + excess, () => ({ role: 'user', content: 'Hi' })) }),
    names: /"messages"/,
    figure: '1000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  parts: {
    ask: excess => complete(model, {
      messages: repeat(
        2, i => ({ role: 'user', content: repeat(5000 + i * excess, () => ({ type: 'text', text: 'a' })) })
      )
    }),
    names: /"messages" .* parts/,
    figure: '10000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  calls: {
    ask: excess => complete(model, {
      messages: repeat(2, i => ({ role: 'assistant', content: '', tool_calls: repeat(500 + i * excess, call) }))
    }),
    names: /"messages" .* tool calls/,
    figure: '1000',
    otherwise: 'PROMPT_TOO_LONG'
  },
  members: {
    ask: excess => complete(model, Object.fromEntries(repeat(997 + excess, i => [`unknown ${i}`, i]))),
    names: /an object .* members/,
    figure: '1000'
  },
  tools: {
    ask: excess => complete(model, {
      tools: repeat(128 + excess, i => ({ type: 'function', function: { name: `tool_${i}` } }))
    }),
    names: /"tools"/,
    figure: '128',
    otherwise: 'PROMPT_TOO_LONG'
  },
  // The schema, its keyword and the list count as values, too.
  schemaValues: {
    ask: excess => withSchema({ type: 'null', 'x-list': repeat(9_997 + excess, () => 0) }),
    names: /schema .* at # .* values/,
    figure: '10000'
  },
  schemaText: {
    ask: excess => withSchema({ type: 'null', title: 'x'.repeat(200_000 - 'typenulltitle'.length + excess) }),
    names: /schema .* at # .* characters/,
    figure: '200000'
  },
  schemaConstants: {
    ask: excess => withSchema({ enum: repeat(1000 + excess, i => i) }), names: /"enum" at #/, figure: null
  },
  schemaDepth: {
    ask: excess => withSchema({ type: 'null', 'x-deep': JSON.parse(nested(64 + excess)) }),
    names: /"x-deep" at # .* levels/,
    figure: '64'
  },
  grammar: {
    ask: excess => withSchema({ enum: repeat(100 + excess * 800, i => `${i}${'"'.repeat(140)}${i}`) }),
    names: /schema .*"enum" at # makes the schema too complex/,
    figure: null
  },
  maxTokens: { ask: excess => chat({ max_tokens: 131_072 + excess }), names: /"max_tokens"/, figure: '131072' },
  prompt: {
    ask: excess => chat({ message: 'red circle '.repeat(excess === 0 ? 100 : 2900) }),
    names: /conversation needs \d+ tokens/,
    figure: '4094'
  },

  pixels: {
    ask: async excess => form({ message: 'Hi', max_tokens: '1' }, [await redImage(300, 300 + excess)]),
    names: /images\[0\]/,
    figure: '90000'
  },
  ratio: {
    ask: async excess => form({ message: 'Hi', max_tokens: '1' }, [await redImage(1, 200 + excess)]),
    names: /images\[0\]/,
    figure: '200'
  },
  decodeTime: { elsewhere: 'test/services/images/prepare.test.ts' },
  heicTime: { elsewhere: 'test/services/images/heic.test.ts' },
  text: { elsewhere: 'test/hostile/structure.test.ts' },
  jpegSegments: { elsewhere: 'test/hostile/structure.test.ts' },
  jpegScans: { elsewhere: 'test/hostile/structure.test.ts' },
  pngChunks: { elsewhere: 'test/hostile/structure.test.ts' },
  pngTexts: { elsewhere: 'test/hostile/structure.test.ts' },
  gifBlocks: { elsewhere: 'test/hostile/structure.test.ts' },
  webpChunks: { elsewhere: 'test/hostile/structure.test.ts' },
  tiffPages: { elsewhere: 'test/hostile/structure.test.ts' },
  tiffTagsOfPage: { elsewhere: 'test/hostile/structure.test.ts' },
  tiffTags: { elsewhere: 'test/hostile/structure.test.ts' },
  tiffShared: { elsewhere: 'test/hostile/structure.test.ts' },
  heifBoxes: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  heifInnerBoxes: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  heifItems: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  heifExtents: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  heifShared: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  heifParts: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  heifPartsOfImage: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  heifAssociations: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  avifUnits: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  avifFrames: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  heifTables: { elsewhere: 'test/hostile/structure-avif.test.ts' },
  pdfPages: { elsewhere: 'test/hostile/pdf.test.ts' },
  pdfOpening: { elsewhere: 'test/hostile/pdf.test.ts' },
  pdfRendering: { elsewhere: 'test/hostile/pdf.test.ts' },
  pdfMemory: { elsewhere: 'test/hostile/pdf.test.ts' },
  animationPixels: { elsewhere: 'test/services/images/documents/apng.test.ts' },
  framePixels: { elsewhere: 'test/services/images/documents/apng.test.ts' },
  apngChunks: { elsewhere: 'test/services/images/documents/apng.test.ts' }
})
