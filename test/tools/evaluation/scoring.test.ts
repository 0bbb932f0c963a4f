import assert from 'node:assert/strict'
import t from 'tap'
import { intersectionOverUnion, scoreBoxes } from '../../../tools/evaluation/scoring/boxes.ts'
import { scoreJson } from '../../../tools/evaluation/scoring/json.ts'
import { matches } from '../../../tools/evaluation/scoring/matching.ts'
import { score } from '../../../tools/evaluation/scoring/score.ts'
import { contains, scoreExact } from '../../../tools/evaluation/scoring/text.ts'
import { median, wilson } from '../../../tools/evaluation/statistics.ts'
import { generator, integers } from '../../../tools/lib/random.ts'

t.test('exact: one of the texts, ignoring white space around it', async t => {
  t.equal(scoreExact(['A cat.'], ' A cat.\n'), '')
  t.equal(scoreExact(['two', ' 2 '], '2'), '')
  t.equal(scoreExact(['A cat.'], 'a cat.'), 'the answer differs')
  t.equal(scoreExact(['two', '2'], 'three'), 'the answer is none of the 2 expected texts')
})

t.test('contains: whole words of Latin letters and digits, in any case', async t => {
  for (const [answer, text, expected] of [
    [
      'The Category', 'cat', false
    ], ['The CAT.', 'cat', true], ['cats', 'cat', false], ['(cat)', 'cat', true], ["the cat's", 'cat', true],
    ['13', '3', false], ['3.5 m', '3', false], [
      'It is 3.', '3', true
    ], ['3, or 4', '3', true], ['1,300', '300', false], ['№3', '3', true], ['3 kg', '3kg', false],
    ['café', 'caf', false], ['Élan', 'élan', true], ['cafe\u0301', 'cafe', false],
    ['有三个红色的圆形', '三', true], ['图1有14', '14', true], ['红色cat', 'cat', true],
    ['red\n  circle', 'red circle', true], [
      'redcircle', 'red circle', false
    ], ['a+b = c', 'a+b', true], ['aab', 'a+b', false], ['[x]', '[x]', true], ['50 %', '%', true]
  ] as Array<[string, string, boolean]>) t.equal(contains(answer, text), expected, `${text} in ${answer}`)
  t.same(score({ contains: ['red', 'blue', 'green'] }, { response: 'A red one', boxes: [] }), {
    right: false, why: 'the answer lacks "blue", "green"'
  })
})

t.test('contains, for random texts: no error, and a text with blanks around it is found', async t => {
  const random = integers(1)
  const alphabet = [...'aZ9é三 .+*?()[]{}|\\^$/-,\u0301😀']
  for (let i = 0; i < 2000; i++) {
    const text = Array.from({ length: 1 + random(6) }, () => alphabet[random(alphabet.length)]!).join('')
    if (text.trim() === '' || /^\p{M}/u.test(text.trim())) continue
    assert(contains(`看 ${text} 。`, text), JSON.stringify(text))
  }
  t.pass()
})

t.test('json: fences are allowed, prose is not; the reason names the first difference', async t => {
  const expected = { a: [1, { b: null }], 'c/d': 'x' }
  t.equal(scoreJson(expected, '{"c/d":"x","a":[1,{"b":null}]}'), '')
  t.equal(scoreJson(expected, 'Here it is:\n```json\n{"a":[1,{"b":null}],\n "c/d":"x"}\n```\nDone.'), '')
  t.equal(scoreJson(expected, 'It is {"a":1}'), 'the answer is not JSON')
  t.equal(scoreJson(expected, '{"a":[1,{"b":0}],"c/d":"x"}'), 'the JSON differs at /a/1/b')
  t.equal(scoreJson(expected, '{"a":[1,{"b":null}],"c/d":"y"}'), 'the JSON differs at /c~1d')
  t.equal(scoreJson(expected, '{"a":[1,{"b":null}],"e":"x"}'), 'the JSON differs at /c~1d')
  t.equal(scoreJson(null, 'null'), '')
  t.equal(scoreJson({}, '[]'), 'the JSON differs at its root')
  t.equal(scoreJson([1, 2], '[2,1]'), 'the JSON differs at /0')
  t.equal(scoreJson([1, 2], '[2,1]', true), '')
  t.equal(scoreJson([{ a: [1, 2] }, 3], '[3,{"a":[2,1]}]', true), '')
  t.equal(scoreJson([1, 1, 2], '[1,2,2]', true), 'the JSON differs at its root')
  t.equal(scoreJson({}, '{"__proto__":1}'), 'the JSON differs at its root')
})

t.test('json, for random values: equal to itself in any order of keys, and of unordered arrays', async t => {
  const random = integers(2)
  const shuffled = <T>(list: T[]) =>
    list.map(item => ({ item, at: random(1000) })).sort((a, b) => a.at - b.at).map(({ item }) => item)
  const draw = (depth: number): unknown => [
    () => random(3), () => ['x', 'y'][random(2)], () => null, () => true,
    () => Array.from({ length: random(4) }, () => draw(depth - 1)),
    () => Object.fromEntries(Array.from({ length: random(4) }, (_, i) => [`k${i}`, draw(depth - 1)]))
  ][random(depth > 0 ? 6 : 4)]!()
  const mix = (value: unknown, arrays: boolean): unknown => Array.isArray(value)
    ? (arrays ? shuffled(value) : value).map(item => mix(item, arrays))
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(shuffled(Object.entries(value)).map(([key, item]) => [key, mix(item, arrays)]))
      : value
  for (let i = 0; i < 500; i++) {
    const value = draw(4)
    assert.equal(scoreJson(value, JSON.stringify(mix(value, false))), '')
    assert.equal(scoreJson(value, JSON.stringify(mix(value, true)), true), '')
    assert.notEqual(scoreJson(value, JSON.stringify([value])), '')
    const other = draw(4)
    assert.equal(
      scoreJson(value, JSON.stringify(other)) === '', scoreJson(other, JSON.stringify(value)) === '', 'symmetric'
    )
  }
  t.pass()
})

t.test('boxes: paired one to one by label and image, without extra ones', async t => {
  const found = (box: number[], label = 'A heart', image = 0) => ({ image, label, box })
  const box = [0, 0, 10, 10]
  t.same(scoreBoxes([{ box, label: 'HEART' }], [found([0, 0, 10, 8])]), { right: true, why: '', ious: [0.8] })
  t.same(scoreBoxes([{ box }], [found([0, 0, 10, 4])]), {
    right: false, why: 'no found box matches expected box 1', ious: [0.4]
  })
  t.match(scoreBoxes([{ box }], [found([0, 0, 10, 4])], 0.4), { right: true })
  t.match(scoreBoxes([{ box, label: 'star' }], [found(box)]), { right: false, ious: [0] })
  t.match(scoreBoxes([{ box, picture: 2 }], [found(box)]), { right: false })
  t.match(scoreBoxes([{ box, picture: 2 }], [found(box, '', 1)]), { right: true })
  t.match(scoreBoxes([{ box }], [found(box), found(box)]), { right: false, why: '2 boxes instead of the expected 1' })
  t.match(scoreBoxes([{ box }, { box }], [found(box)]), {
    right: false, why: 'one found box is the only match of two expected ones'
  })
  t.same(scoreBoxes([], []), { right: true, why: '', ious: [] })
  t.match(scoreBoxes([], [found(box)]), { right: false })
})

t.test('overlap, for random boxes: symmetric, 0 to 1, and 1 only for equal boxes', async t => {
  const random = integers(3)
  const draw = () => { const [x, y] = [random(20), random(20)]; return [x, y, x + 1 + random(10), y + 1 + random(10)] }
  for (let i = 0; i < 2000; i++) {
    const [a, b] = [draw(), draw()]
    const iou = intersectionOverUnion(a, b)
    assert(iou >= 0 && iou <= 1 && iou === intersectionOverUnion(b, a))
    assert.equal(iou === 1, String(a) === String(b))
    assert.equal(intersectionOverUnion(a, a), 1)
  }
  t.pass()
  t.equal(intersectionOverUnion([1, 1, 1, 1], [1, 1, 1, 1]), 0, 'no area, no overlap')
})

t.test('a pairing is found whenever one exists', async t => {
  const random = integers(4)
  const permutations = (list: number[]): number[][] =>
    list.length === 0 ? [[]] : list.flatMap((one, i) => permutations(list.toSpliced(i, 1)).map(rest => [one, ...rest]))
  for (let i = 0; i < 500; i++) {
    const size = random(6)
    const fits = Array.from({ length: size }, () => Array.from({ length: size }, () => random(3) === 0))
    const indices = [...fits.keys()]
    const expected = permutations(indices).some(order => order.every((other, one) => fits[one]![other]))
    assert.equal(matches(indices, indices, (one, other) => fits[one]![other]!), expected)
  }
  t.pass()
  t.notOk(matches([1], [1, 1], () => true))
})

t.test('the interval is Wilson\'s, contains the share and narrows', async t => {
  t.same(wilson(0, 0), [0, 1])
  const random = generator(5)
  for (let i = 0; i < 1000; i++) {
    const total = 1 + Math.floor(random() * 500)
    const right = Math.floor(random() * (total + 1))
    const [low, high] = wilson(right, total)
    assert(low >= 0 && high <= 1 && low <= right / total && right / total <= high)
    // The bounds are the shares from which the observed share is exactly 1.96 standard deviations away.
    for (const bound of [low, high]) {
      if (bound > 0 && bound < 1) {
        assert(Math.abs(Math.abs(right / total - bound) - 1.959964 * Math.sqrt(bound * (1 - bound) / total)) < 1e-9)
      }
    }
    const [mirrored] = wilson(total - right, total)
    assert(Math.abs(1 - high - mirrored) < 1e-9)
    const [low4, high4] = wilson(4 * right, 4 * total)
    assert(high4 - low4 < high - low)
  }
  t.pass()
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.equal(median([]), null)
})
