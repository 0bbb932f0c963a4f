import type { Key } from '../i18n/en.ts'

export interface SchemaPreset {
  name: Key
  schema: object
}

/** Ends a list in which the model repeats itself before the token limit cuts off the JSON. */
const MAX_ITEMS = 200
const MAYBE_TEXT = { type: ['string', 'null'] }
const MAYBE_NUMBER = { type: ['number', 'null'] }

/** Things with their labels and boxes. */
export const OBJECTS_SCHEMA = {
  type: 'array',
  maxItems: MAX_ITEMS,
  items: {
    type: 'object',
    properties: {
      bbox_2d: { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 4, maxItems: 4 },
      label: { type: 'string', minLength: 1 }
    },
    required: ['bbox_2d', 'label']
  }
}

export const RECEIPT_SCHEMA = {
  type: 'object',
  properties: {
    seller: MAYBE_TEXT,
    date: MAYBE_TEXT,
    currency: MAYBE_TEXT,
    items: {
      type: 'array',
      maxItems: MAX_ITEMS,
      items: {
        type: 'object',
        properties: { name: { type: 'string' }, quantity: MAYBE_NUMBER, price: MAYBE_NUMBER },
        required: ['name', 'quantity', 'price']
      }
    },
    tax: MAYBE_NUMBER,
    total: MAYBE_NUMBER
  },
  required: ['seller', 'date', 'currency', 'items', 'tax', 'total']
}

/** They use only keywords that the service enforces; see docs/api.md. */
export const SCHEMA_PRESETS: readonly SchemaPreset[] = [
  {
    name: 'json.presetTable',
    schema: {
      type: 'array',
      maxItems: MAX_ITEMS,
      // The columns depend on the image.
      items: {
        type: 'object',
        minProperties: 1,
        maxProperties: 20,
        additionalProperties: { type: ['string', 'number', 'null'] }
      }
    }
  },
  {
    name: 'json.presetText',
    schema: {
      type: 'object',
      properties: { lines: { type: 'array', maxItems: MAX_ITEMS, items: { type: 'string' } } },
      required: ['lines']
    }
  },
  { name: 'json.presetObjects', schema: OBJECTS_SCHEMA },
  { name: 'json.presetReceipt', schema: RECEIPT_SCHEMA }
]
