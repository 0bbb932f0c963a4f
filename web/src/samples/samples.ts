import type { Key } from '../i18n/index.ts'
import type { Format } from '../model/conversation.ts'
import { OBJECTS_SCHEMA, RECEIPT_SCHEMA } from '../model/schema-presets.ts'
import invoice from './invoice.png'
import shapes1 from './shapes-1.png'
import shapes2 from './shapes-2.png'
import shapes3 from './shapes-3.png'
import streetEvening from './street-evening.png'
import streetMorning from './street-morning.png'
import word from './word.jpg'

export interface SampleImage { name: string, url: string }

/** A question with its images that one click sends. */
export interface Sample { question: Key, images: readonly SampleImage[], format: Format }

const TEXT: Format = { type: 'text' }

/** The embedded model answers these rightly in both languages. */
export const DEMO_SAMPLES: readonly Sample[] = [
  {
    question: 'sample.demoCompare',
    images: [{ name: 'shapes-1.png', url: shapes1 }, { name: 'shapes-2.png', url: shapes2 }],
    format: TEXT
  },
  { question: 'sample.demoLocate', images: [{ name: 'shapes-3.png', url: shapes3 }], format: TEXT },
  { question: 'sample.demoRead', images: [{ name: 'word.jpg', url: word }], format: TEXT }
]

/** For models that know photographs and documents. */
export const SAMPLES: readonly Sample[] = [
  {
    question: 'sample.compare',
    images: [
      { name: 'street-morning.png', url: streetMorning }, { name: 'street-evening.png', url: streetEvening }
    ],
    format: TEXT
  },
  { question: 'sample.extract', images: [{ name: 'invoice.png', url: invoice }], format: bySchema(RECEIPT_SCHEMA) },
  {
    question: 'sample.locate',
    images: [{ name: 'street-evening.png', url: streetEvening }],
    format: bySchema(OBJECTS_SCHEMA)
  }
]

function bySchema (schema: object): Format {
  return { type: 'schema', schema: JSON.stringify(schema) }
}
