import t from 'tap'
import { Value } from 'typebox/value'
import { BoxSchema, PointSchema } from '../../../schemas/image.ts'
import { findBoxes, type Coordinates, type PointedImage } from '../../../services/images/boxes.ts'
import { fit, type Size } from '../../../services/images/plan.ts'
import { generator } from '../../../tools/lib/random.ts'

function idOf (letter: string): string {
  return `sha256:${letter.repeat(64)}`
}

/** An image, by default of the latest turn. */
function shownImage (
  original: [number, number], sent: [number, number] = original, letter = 'a', latest = true
): PointedImage {
  return {
    id: idOf(letter),
    original: { width: original[0], height: original[1] },
    sent: { width: sent[0], height: sent[1] },
    latest
  }
}

function box (numbers: number[], more: object = {}): string {
  return JSON.stringify({ bbox_2d: numbers, ...more })
}

const PHOTO = shownImage([4032, 3024], [1008, 756])

t.test('converts pixels of the prepared image to pixels of the original', async t => {
  const { boxes, points } = findBoxes(
    '```json\n[{"bbox_2d": [100, 200, 301, 400], "label": "dog"}, {"point_2d": [1008, 756], "label": "corner"}]\n```',
    [PHOTO], 'pixels'
  )
  t.same(boxes, [{ image: 0, id: idOf('a'), label: 'dog', box: [400, 800, 1204, 1600] }])
  t.same(points, [{ image: 0, id: idOf('a'), label: 'corner', point: [4032, 3024] }])
})

t.test('converts the grid of 1000 to pixels of the original', async t => {
  const { boxes, points } =
    findBoxes('{"bbox_2d": [3, 500, 1000, 1000], "label": "狗"} <point x="1" y="2">耳朵</point>', [PHOTO], 'grid1000')
  t.same(boxes, [{ image: 0, id: idOf('a'), label: '狗', box: [12.096, 1512, 4032, 3024] }])
  t.same(points, [{ image: 0, id: idOf('a'), label: '耳朵', point: [4.032, 6.048] }])
  t.same(
    findBoxes(box([3, 3, 500, 500]), [shownImage([3024, 10])], 'grid1000').boxes[0]?.box, [9.072, 0.03, 1512, 5],
    'without a rounding error'
  )
})

t.test('clamps to the image', async t => {
  const find = (text: string) => findBoxes(text, [shownImage([640, 480], [1000, 1000])], 'pixels')
  t.same(find(box([-50, -1, 1500, 1e308])).boxes[0]?.box, [0, 0, 640, 480])
  t.same(find(box([500, 500, 1001, 1002])).boxes[0]?.box, [320, 240, 640, 480])
  t.same(find('{"point_2d": [-3, 2000]}').points[0]?.point, [0, 480])
  t.same(
    find(box([1001, 0, 1200, 500]) + box([0, -9, 500, -1]) + box([-20, 0, -10, 500]) + box([0, 1001, 500, 2000])).boxes,
    [], 'boxes outside of the image are left out'
  )
})

t.test('sorts the corners', async t => {
  t.same(findBoxes(box([40, 30, 20, 10]), [shownImage([100, 100])], 'pixels').boxes[0]?.box, [20, 10, 40, 30])
  t.same(findBoxes(box([20, 30, 40, 10]), [shownImage([100, 100])], 'pixels').boxes[0]?.box, [20, 10, 40, 30])
})

t.test('leaves out a box with equal corners and keeps a flat one', async t => {
  const find = (numbers: number[]) =>
    findBoxes(box(numbers), [shownImage([100, 100])], 'pixels').boxes.map(found => found.box)
  t.same(find([0, 0, 0, 0]), [])
  t.same(find([7, 8, 7, 8]), [])
  t.same(find([100, 100, 120, 130]), [], 'outside of the image')
  t.same(find([7, 8, 7, 9]), [[7, 8, 7, 9]])
  t.same(find([1, 2, 3]), [])
})

t.test('returns boxes and points in the order of the text', async t => {
  const answer = [
    '<|object_ref_start|>a<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|> {"point_2d": [9, 9], "label": "p"}',
    `[${box([5, 6, 7, 8], { label: 'b' })}, ${box([1, 1, 2, 2], { label: 'c' })}]`,
    '<|box_start|>(8,8)<|box_end|> <|box_start|>(0,0),(1,1)<|box_end|>'
  ].join('\n')
  const { boxes, points } = findBoxes(answer, [shownImage([10, 10])], 'pixels')
  t.same(boxes.map(({ label }) => label), ['a', 'b', 'c', ''])
  t.same(points.map(({ point }) => point), [[9, 9], [8, 8]])
})

t.test('finds nothing without images or in plain text', async t => {
  t.same(findBoxes(box([1, 2, 3, 4]), [], 'pixels'), { boxes: [], points: [] })
  t.same(findBoxes('', [PHOTO], 'pixels'), { boxes: [], points: [] })
  t.same(findBoxes('The dog (10, 20) is 40 years old [1, 2, 3, 4].', [PHOTO], 'pixels'), { boxes: [], points: [] })
})

t.test('assigns a box to the image that is named with it, in the size of that image', async t => {
  const images = [
    shownImage([100, 100], [100, 100], 'a', false), shownImage([2000, 1000], [1000, 500], 'b'),
    shownImage([300, 300], [1000, 1000], 'c')
  ]
  const same = [100, 100, 200, 200]
  const inObjects = `${box([10, 10, 20, 20], { image: 1 })} ${box(same, { image_index: 1 })}`
  const answer = `图2：${box(same)}\n第3张图中：${box(same)} ${inObjects}`
  t.same(findBoxes(answer, images, 'pixels').boxes, [
    { image: 1, id: idOf('b'), label: '', box: [200, 200, 400, 400] },
    { image: 2, id: idOf('c'), label: '', box: [30, 30, 60, 60] },
    { image: 0, id: idOf('a'), label: '', box: [10, 10, 20, 20] },
    { image: 1, id: idOf('b'), label: '', box: [200, 200, 400, 400] }
  ])
})

t.test('assigns a box without a name to the first image of the latest turn, or of the conversation', async t => {
  const imageOf = (...latest: boolean[]) => findBoxes(
    box([1, 2, 3, 4]), latest.map(isLatest => shownImage([10, 10], [10, 10], 'a', isLatest)), 'pixels'
  ).boxes[0]?.image
  t.equal(imageOf(true), 0)
  t.equal(imageOf(false), 0)
  t.equal(imageOf(false, false, true), 2)
  t.equal(imageOf(false, true, true), 1)
  t.equal(imageOf(false, false), 0)
})

t.test('assigns a box without a name to the only image that the question names', async t => {
  const images = [shownImage([10, 10], [10, 10], 'a', false), shownImage([10, 10]), shownImage([10, 10])]
  const imageOf = (question: string, answer = box([1, 2, 3, 4])) =>
    findBoxes(answer, images, 'pixels', question).boxes[0]?.image
  t.equal(imageOf('Detect the heart in picture 3.'), 2)
  t.equal(imageOf('Locate the cross in the third photo.'), 2)
  t.equal(imageOf('检测第三张图片里的心形。'), 2)
  t.equal(imageOf('框出图3里的心形'), 2)
  t.equal(imageOf('Find the heart of picture 1 in picture 1.'), 1, 'the first of the latest turn, named twice')
  t.equal(imageOf('Detect the heart in the second picture.'), 2, 'the second of the latest turn')
  t.equal(imageOf('Is the heart of picture 1 in picture 3?'), 1, 'two are named, so the first of the latest turn')
  t.equal(imageOf('Detect the heart in picture 4.'), 1, 'it does not exist, so the first of the latest turn')
  t.equal(imageOf('Detect the heart in picture 0.'), 1)
  t.equal(imageOf('Detect the heart.'), 1)
  const named = box([1, 2, 3, 4], { image: 1 })
  t.equal(imageOf('Detect the heart in picture 3.', named), 0, 'the name in the answer takes precedence')
  t.equal(imageOf('Detect the heart in picture 3.', `Picture 2: ${box([1, 2, 3, 4])}`), 1)
})

t.test('numbers count the latest turn if it has that many images, else the conversation', async t => {
  const conversation = (...latest: boolean[]) =>
    latest.map((isLatest, i) => shownImage([10, 10], [10, 10], 'abcdef'[i], isLatest))
  const place = box([1, 2, 3, 4])
  const cases: Array<[images: PointedImage[], question: string, answer: string, places: number[], why: string]> = [
    [conversation(false, true, true), 'The second picture?', place, [2], 'the question'],
    [conversation(false, true, true), 'Both?', `Picture 1: ${place}\nPicture 2: ${place}`, [1, 2], 'headings of Qwen'],
    [conversation(false, true, true), '两张图？', `图1：${place}\n图2：${place}`, [1, 2], 'headings in Chinese'],
    [conversation(false, true, true), 'Both?', box([1, 2, 3, 4], { image: 2 }), [2], 'a key that counts from 1'],
    [conversation(false, true, true), 'Both?', box([1, 2, 3, 4], { image_index: 1 }), [2], 'a key that counts from 0'],
    [
      conversation(false, true, true), 'All?', `Picture 1: ${place}\nPicture 2: ${place}\nPicture 3: ${place}`,
      [0, 1, 2], 'all three are numbered'
    ],
    [
      conversation(false, true, true), 'All?', `Picture 1: ${place}\nPicture 3: nothing`, [0],
      'the answer numbers all three, one of them without a box'
    ],
    [
      conversation(false, true, true), 'Is the cat of picture 3 in picture 1?', `Picture 1: ${place}`, [0],
      'the question numbers all three'
    ],
    [conversation(false, false, true), 'The first picture?', place, [2], 'the only one of the latest turn'],
    [conversation(false, false, true), 'The second picture?', place, [1], 'the latest turn has only one'],
    [conversation(false, false), 'The second picture?', place, [1], 'a follow-up without images'],
    [conversation(false, true, true), 'Picture 9?', `Image 9: ${place} ${box([1, 2, 3, 4], { image: 1 })}`, [1],
      'a number of no image decides nothing']
  ]
  for (const [images, question, answer, places, why] of cases) {
    t.strictSame(findBoxes(answer, images, 'pixels', question).boxes.map(({ image }) => image), places, why)
  }
})

t.test('leaves out boxes of an image that does not exist', async t => {
  const images = [shownImage([10, 10]), shownImage([10, 10])]
  const named = (text: string) => findBoxes(text, images, 'pixels').boxes.map(({ image }) => image)
  t.same(named(box([1, 2, 3, 4], { image: 3 })), [])
  t.same(named(box([1, 2, 3, 4], { image_index: 2 })), [])
  t.same(named(box([1, 2, 3, 4], { image_index: -1 })), [])
  t.same(named(box([1, 2, 3, 4], { image: 1.5 })), [])
  t.same(named(`Image 3: ${box([1, 2, 3, 4])} Image 2: ${box([1, 2, 3, 4])}`), [1])
  t.same(findBoxes(box([1, 2, 3, 4], { image: 2 }), [shownImage([10, 10])], 'pixels').boxes, [])
})

t.test('ignores a heading in a conversation with one image', async t => {
  t.equal(findBoxes(`图2：系统架构\n${box([1, 2, 3, 4])}`, [shownImage([10, 10])], 'pixels').boxes[0]?.image, 0)
})

/** Sides from 1 to 20,000 pixels on a logarithmic scale, with ratios up to 200:1, the limit of the service. */
function randomSize (random: () => number): Size {
  const width = Math.ceil(20_000 ** random())
  const height = Math.round(width * 200 ** (random() * 2 - 1))
  return { width, height: Math.max(1, Math.ceil(width / 200), Math.min(20_000, width * 200, height)) }
}

t.test('a round trip changes coordinates by at most half a unit of the model, at any size', async t => {
  const random = generator(3)
  const sizes = [[1, 1], [1, 200], [2, 1], [999, 1001], [20_000, 100], [20_000, 20_000]].map(([width, height]) =>
    ({ width: width!, height: height! }))
  for (let i = 0; i < 4000; i++) {
    const original = sizes[i] ?? randomSize(random)
    const multiple = i % 2 === 0 ? 28 : 32
    const sent = fit(
      original.width, original.height, { multiple, minTokens: 4, maxTokens: 1280, maxSide: 1024, maxPixels: 1_003_520 }
    )
    for (const coordinates of ['pixels', 'grid1000'] as Coordinates[]) {
      const units = coordinates === 'pixels' ? sent : { width: 1000, height: 1000 }
      const xs = [random() * original.width, random() * original.width].sort((a, b) => a - b)
      const ys = [random() * original.height, random() * original.height].sort((a, b) => a - b)
      const place = [xs[0]!, ys[0]!, xs[1]!, ys[1]!]
      const unit = place.map((_, k) => k % 2 === 0 ? original.width / units.width : original.height / units.height)
      const said = place.map((value, k) => Math.round(value / unit[k]!))

      const images = [{ id: idOf('a'), original, sent, latest: true }]
      const { boxes, points } = findBoxes(`[${box(said)}, {"point_2d": [${said[0]}, ${said[1]}]}]`, images, coordinates)
      const back = [...(boxes[0]?.box ?? []), ...points[0]!.point]
      const expected = [...(boxes.length === 0 ? [] : place), place[0]!, place[1]!]
      const flat = said[0] === said[2] && said[1] === said[3]
      // The tolerance is for the rounding of doubles.
      const good = flat === (boxes.length === 0) && back.length === expected.length &&
        back.every((value, k) => Math.abs(value - expected[k]!) <= unit[k % 4]! * (0.5 + 1e-9) &&
          Math.round(value / unit[k % 4]!) === said[k % 4])
      if (!good) return t.fail(JSON.stringify({ original, sent, coordinates, place, said, back }))
    }
  }
  t.pass('4000 sizes')
})

t.test('results match their schemas', async t => {
  const { boxes, points } = findBoxes(`${box([-1, 9, 3, 4], { label: 'x' })} {"point_2d": [1, 2]}`, [PHOTO], 'grid1000')
  t.ok(Value.Check(BoxSchema, boxes[0]))
  t.ok(Value.Check(PointSchema, points[0]))
  t.notOk(Value.Check(BoxSchema, { ...boxes[0], box: [1, 2, 3] }))
  t.notOk(Value.Check(PointSchema, { ...points[0], point: [1, 2, 3] }))
})
