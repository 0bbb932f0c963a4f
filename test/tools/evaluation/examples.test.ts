import path from 'node:path'
import t from 'tap'
import { readExamples } from '../../../tools/evaluation/examples.ts'

const example = (changes: object = {}) => ({
  id: 'a', task: 'count', pictures: ['1.png'], turns: [{ message: 'How many?', expect: { exact: '3' } }], ...changes
})
const turn = (expect: unknown, changes: object = {}) =>
  example({ turns: [{ message: 'How many?', expect, ...changes }] })

t.test('images are sent with the first turn, unless a turn states a number', async t => {
  const pictures = ['1.png', '2.png', 'more/3.png']
  const second = { message: 'And now?', pictures: 1, expect: { json: null } }
  const file = {
    description: 'mine',
    examples: [
      example({ pictures, language: 'en', turns: [{ message: 'Look', pictures: 2 }, second] }),
      example({ id: 'b', pictures: pictures.slice(0, 2) }), example({ id: 'c', pictures: [] })
    ]
  }
  const dir =
    t.testdir({ 'examples.json': `\uFEFF${JSON.stringify(file)}`, '1.png': '', '2.png': '', more: { '3.png': '' } })
  t.same(readExamples(dir).map(({ turns }) => turns.map(({ pictures }) => pictures)), [
    [['1.png', '2.png'], ['more/3.png']], [['1.png', '2.png']], [[]]
  ])
})

t.test('the error for a bad file names the example and the field', async t => {
  for (const [examples, sentence] of [
    [[], 'examples must not have fewer than 1 items'],
    [[3], 'example 1: it must be object'],
    [[example({ id: '' })], 'example 1: id must not have fewer than 1 characters'],
    [[example(), example()], 'example "a": id is already used by an earlier example'],
    [[example({ task: undefined })], 'example "a": task is missing'],
    [[example({ question: 'How many?' })], 'example "a": question is not a field of this format'],
    [[example({ pictures: ['4.png'] })], 'example "a": pictures[0] "4.png" does not exist'],
    [
      [example({ pictures: ['1.png', '../1.png'] })],
      'example "a": pictures[1] "../1.png" is outside the folder'
    ],
    [[example({ pictures: ['/etc/hostname'] })], 'example "a": pictures[0] "/etc/hostname" is outside the folder'],
    [[example({ turns: [] })], 'example "a": turns must not have fewer than 1 items'],
    [[example({ turns: [{ message: 'Hi' }] })], 'example "a": turns: at least one turn needs an expect'],
    [[turn({ exact: '3' }, { message: ' ' })], 'example "a": turns[0].message is blank'],
    [[turn({ exact: '3' }, { pictures: 2 })], 'example "a": turns[0].pictures is 2, but only 1 of the images are left'],
    [[turn({ exact: '3' }, { pictures: 0 })], 'example "a": pictures: "1.png" is not sent with any turn'],
    [[turn({ exact: '3' }, { schema: 'x' })], 'example "a": turns[0].schema must be a JSON schema'],
    [[turn({})], 'example "a": turns[0].expect must have exactly one of exact, contains, json, boxes'],
    [
      [turn({ exact: '3', json: 3 })],
      'example "a": turns[0].expect must have exactly one of exact, contains, json, boxes, not exact and json'
    ],
    [[turn({ exact: 3 })], 'example "a": turns[0].expect.exact must be a text or a list of texts, none of them empty'],
    [
      [turn({ contains: [] })],
      'example "a": turns[0].expect.contains must be a text or a list of texts, none of them empty'
    ],
    [[turn({ contains: [' '] })], 'example "a": turns[0].expect.contains contains a blank text'],
    [[turn({ exact: '3', iou: 0.5 })], 'example "a": turns[0].expect.iou needs boxes'],
    [[turn({ boxes: [], unordered: true })], 'example "a": turns[0].expect.unordered needs json'],
    [[turn({ boxes: [], iou: 2 })], 'example "a": turns[0].expect.iou must be <= 1'],
    [
      [turn({ boxes: [{ box: [1, 2, 3] }] })],
      'example "a": turns[0].expect.boxes[0].box must not have fewer than 4 items'
    ],
    [
      [turn({ boxes: [{ box: [5, 5, 1, 1] }] })],
      'example "a": turns[0].expect.boxes[0].box must be [x1, y1, x2, y2] with x1 < x2 and y1 < y2'
    ],
    [
      [turn({ boxes: [{ box: [1, 1, 5, 5], picture: 2 }] })],
      'example "a": turns[0].expect.boxes[0].picture is 2, but only 1 sent so far'
    ]
  ] as Array<[unknown[], string]>) {
    const dir = t.testdir({ 'examples.json': JSON.stringify({ examples }), '1.png': '' })
    t.throws(() => readExamples(dir), { message: `${path.join(dir, 'examples.json')}: ${sentence}` })
  }
  t.throws(() => readExamples(t.testdir({ 'examples.json': '{' })), { message: /examples\.json is not JSON: / })
  t.throws(() => readExamples(t.testdir({})), { message: /examples\.json cannot be read: ENOENT/ })
  t.throws(() => readExamples(t.testdir({ 'examples.json': '[]' })), { message: /examples\.json: it must be object$/ })
  t.throws(() => readExamples(t.testdir({ 'examples.json': '{"examples":[],"note":"x"}' })), {
    message: /examples\.json: /
  })
})
