import type { Phrase } from '../../../errors/language.ts'

/** Reasons to refuse a JSON schema. Each completes `The JSON schema cannot be enforced: "minimum" at #/items …`. */
export const SCHEMA_FAULTS = {
  unsupported: { en: 'is not supported', zh: '不受支持' },
  notUnique: {
    en: 'cannot be enforced; leave it out and remove equal items from the answer',
    zh: '无法约束；请删除它，并自行去掉回答中的重复项'
  },
  misspelled: (keyword: string) => ({
    en: `is not a keyword; did you mean "${keyword}"?`, zh: `不是关键字；是否应为 "${keyword}"？`
  }),

  mustBeString: { en: 'must be a string', zh: '必须是字符串' },
  mustBeNumber: { en: 'must be a number', zh: '必须是数字' },
  mustBeCount: { en: 'must be a whole number of 0 or more', zh: '必须是不小于 0 的整数' },
  mustBeList: { en: 'must be a list', zh: '必须是列表' },
  mustBeNames: { en: 'must be a list of names', zh: '必须是名称的列表' },
  mustBeObject: { en: 'must be an object', zh: '必须是对象' },
  mustBeOneOf: (values: string[]) => ({
    en: `must be one of ${values.join(', ')}`, zh: `必须取自 ${values.join('、')}`
  }),
  mustBeSchema: { en: 'must be a schema, which is an object or a boolean', zh: '必须是 schema，即对象或布尔值' },
  mustBeSchemas: { en: 'must be a list of schemas', zh: '必须是 schema 的列表' },
  mustBeOneSchema: {
    en: 'must be one schema, because the list of schemas is in "prefixItems"',
    zh: '必须是单个 schema，因为 schema 列表已在 "prefixItems" 中'
  },

  unsupportedPattern: (piece: string) => ({
    en: `cannot be enforced because of ${piece}`, zh: `因含有 ${piece} 而无法约束`
  }),
  invalidPattern: (reason: string) => ({
    en: `is not a regular expression: ${reason}`, zh: `不是有效的正则表达式：${reason}`
  }),

  externalReference: {
    en: 'must point into the schema itself: #/$defs/…, or the $id or $anchor of a schema in it',
    zh: '必须指向该 schema 内部：可用 #/$defs/…、$id 或 $anchor 指明位置'
  },
  danglingReference: { en: 'points at nothing', zh: '所指之处不存在' },
  circularReference: { en: 'refers to itself without end', zh: '无止境地指回自身' },
  noEnd: { en: 'has no end: every value would contain another one', zh: '没有尽头：每个值都包含另一个值' },

  noValue: { en: 'leaves no valid value', zh: '使任何值都无法有效' },
  noNumber: { en: 'leaves no number of at most 15 digits', zh: '使任何不超过 15 位的数字都无法有效' },
  unwritableName: (name: string) => ({
    en: `contains "${name}", which cannot be the name of a parameter`, zh: `含有无法用作参数名的 "${name}"`
  }),
  tooManyNames: { en: 'requires more names than can be distinguished', zh: '要求的名称多于可区分的名称' },
  notExclusive: (first: number, second: number) => ({
    en: `is not known to be exclusive: ${first} and ${second} might both be valid; use "anyOf"`,
    zh: `无法确定互斥：第 ${first} 与 ${second} 项可能同时有效；请使用 "anyOf"`
  }),

  tooLarge: (limit: number) => ({ en: `is more than ${limit}`, zh: `超过 ${limit}` }),
  tooDeep: (limit: number) => ({ en: `is nested deeper than ${limit} levels`, zh: `嵌套超过 ${limit} 层` }),
  tooManyConstants: (limit: number) => ({ en: `has more than ${limit} values`, zh: `超过 ${limit} 个值` }),
  tooManyValues: (limit: number) => ({
    en: `makes the schema larger than ${limit} values`, zh: `使 schema 超过 ${limit} 个值`
  }),
  tooManyCharacters: (limit: number) => ({
    en: `makes the schema longer than ${limit} characters`, zh: `使 schema 超过 ${limit} 个字符`
  }),
  tooManyAlternatives: (limit: number) => ({
    en: `leads to more than ${limit} alternatives`, zh: `产生超过 ${limit} 种可能`
  }),
  tooManyCounted: (limit: number) => ({
    en: `is too complex with more than ${limit} properties`, zh: `在超过 ${limit} 个属性时过于复杂`
  }),
  tooOpen: {
    en: 'leaves too many ways open at once: ' +
      'let alternatives differ in their first property, and require more properties',
    zh: '同时存在的可能过多：请让各选项的第一个属性互不相同，并减少可选属性'
  },
  tooComplex: { en: 'makes the schema too complex', zh: '使 schema 过于复杂' },
  tooSlow: { en: 'takes too long to convert', zh: '转换耗时过长' },
  tooMuchMemory: { en: 'takes too much memory to convert', zh: '转换占用内存过多' }
} satisfies Record<string, Phrase | ((...args: never[]) => Phrase)>
