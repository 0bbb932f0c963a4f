import t from 'tap'
import { findPointings, type Pointing } from '../../../services/images/pointing.ts'
import { integers } from '../../../tools/lib/random.ts'

/** Formats results as `label 1,2,3,4`, with `@index` for the named image and `^index` for the image of the heading. */
function found (text: string): string[] {
  return findPointings(text).map(short)
}

function short ({ label, numbers, image, heading }: Pointing): string {
  const named = `${image === null ? '' : ` @${image}`}${heading === null ? '' : ` ^${heading}`}`
  return `${label} ${numbers.join(',')}${named}`.trim()
}

t.test('reads JSON: bare, fenced, several times, within prose', async t => {
  const list =
    '[\n\t{"bbox_2d": [341, 258, 397, 360], "label": "red car"},\n\t{"bbox_2d": [0, 1, 2, 3.5], "label": "猫"}\n]'
  const expected = ['red car 341,258,397,360', '猫 0,1,2,3.5']
  t.same(found(list), expected)
  t.same(found('```json\n' + list + '\n```'), expected)
  t.same(found('Sure, here they are:\n\n```\n' + list + '\n```\nIs there anything else [to find]?'), expected)
  t.same(found('好的，检测结果如下：\n' + list + '希望对你有帮助。'), expected)
  t.same(found(`The cars (see [1], {sic}):\n${list}\nand the people:\n{"bbox_2d": [5, 6, 7, 8], "label": "person"}`), [
    ...expected, 'person 5,6,7,8'
  ])
})

t.test('reads nested objects and lists', async t => {
  const tail = '{"name": "tail", "bbox_2d": [5, 6, 7, 8]}'
  const dog = `{"name": "dog", "bbox_2d": [1, 2, 3, 4], "parts": [${tail}]}`
  t.same(found(`{"count": 2, "objects": [${dog}, {"bbox_2d": [9, 9, 10, 10]}]}`), [
    'dog 1,2,3,4', 'tail 5,6,7,8', '9,9,10,10'
  ])
  t.same(found('{"result": {"dogs": {"first": {"bbox_2d": [1, 2, 3, 4]}}}}'), ['1,2,3,4'])
  const deep = 5000
  t.same(found('['.repeat(deep) + '{"bbox_2d": [1, 2, 3, 4], "label": "deep"}' + ']'.repeat(deep)), ['deep 1,2,3,4'])
})

t.test('reads the keys of boxes and points, and lists of them', async t => {
  t.same(findPointings('{"point_2d": [10, 20], "label": "nose"}'), [
    { shape: 'point', numbers: [10, 20], label: 'nose', image: null, heading: null }
  ])
  t.same(findPointings('{"box_2d": ["10", " 20.5 ", "3e1", 40]}'), [
    { shape: 'box', numbers: [10, 20.5, 30, 40], label: '', image: null, heading: null }
  ])
  t.same(found('{"BBox": [1, 2, 3, 4], "Label": "any case"}'), ['any case 1,2,3,4'])
  t.same(found('{"bbox_2d": [[1, 2, 3, 4], [5, 6], null, [5, 6, 7, 8]], "label": "sheep"}'), [
    'sheep 1,2,3,4', 'sheep 5,6,7,8'
  ])
  t.same(found('{"point_2d": [[1, 2], [3, 4]], "label": "eyes", "bbox_2d": [0, 0, 9, 9]}'), [
    'eyes 1,2', 'eyes 3,4', 'eyes 0,0,9,9'
  ])
  t.same(found('{"size": [1, 2, 3, 4], "bbox_3d": [1, 2, 3, 4]} [1, 2, 3, 4]'), [], 'other numbers are not boxes')
})

t.test('takes the label from the first key that has one', async t => {
  const label = (entries: string) => found(`{"bbox_2d": [1, 2, 3, 4], ${entries}}`)[0]!.replace(/ ?1,2,3,4/, '')
  t.equal(
    label('"description": "6", "category": "5", "class": "4", "text_content": "3", "name": "2", "label": "1"'), '1'
  )
  t.equal(label('"description": "6", "category": "5", "class": "4", "text_content": "3", "name": "2"'), '2')
  t.equal(label('"description": "6", "category": "5", "class": "4", "text_content": "3"'), '3')
  t.equal(label('"description": "6", "category": "5", "class": "4"'), '4')
  t.equal(label('"description": "6", "category": "5"'), '5')
  t.equal(label('"description": "6"'), '6')
  t.equal(label('"label": " ", "name": null, "text_content": 42'), '42')
  t.equal(label('"label": "caf\\u00e9 \\"x\\"\\n\\ud83d\\ude00"'), 'café "x"\n😀')
  t.equal(label('"score": 0.9'), '')
  t.same(
    found('{"description": "a street", "objects": [{"bbox_2d": [1, 2, 3, 4]}]}'), ['1,2,3,4'],
    'not the label of a surrounding object'
  )
})

t.test('leaves out values that are not boxes: wrong length, not numbers, not finite', async t => {
  for (const value of [
    '[]', '[1, 2, 3]', '[1, 2, 3, 4, 5]', '[1, 2, 3, 4, 5, 6, 7, 8]', '[1, 2, 3, null]', '[1, 2, 3, NaN]',
    '[1, 2, 3, 1e999]', '[1, 2, 3, -Infinity]', '["1", "2", "3", "4px"]', '["", 1, 2, 3]', '["0x10", 1, 2, 3]',
    '["Infinity", 1, 2, 3]', '[x1, y1, x2, y2]', '[1, 2, 3, [4]]', '[1, 2, 3, 4, null]', '[[1, 2], [3, 4]]',
    '[[1, 2, 3], 4]', '{"x": 1}', 'null', 'true', '"1, 2, 3, 4"', '5', '[1, 2, 3, 4'
  ]) t.same(found(`{"bbox_2d": ${value}, "label": "x"}`), [], value)
  for (const value of ['[]', '[1]', '[1, 2, 3]', '[1, null]', '[[1, 2, 1], [3]]', '["a", "b"]', '"1, 2"', '[1, 2']) {
    t.same(found(`{"point_2d": ${value}, "label": "x"}`), [], value)
  }
})

t.test('accepts common mistakes of models in JSON', async t => {
  t.same(
    found('[{"bbox_2d": [1, 2, 3, 4], "label": "a"}\n{"bbox_2d": [5, 6, 7, 8,], "label": "b",},]'),
    ['a 1,2,3,4', 'b 5,6,7,8'], 'commas'
  )
  t.same(
    found("[{'bbox_2d': [1, 2, 3, 4], 'label': 'the dog\\'s \"tail\"', 'ok': True, 'x': None}]"),
    ['the dog\'s "tail" 1,2,3,4'], 'Python'
  )
  t.same(
    found('{"text_content": "two\nlines", "bbox_2d": [1, 2, 3, 4]}'), ['two\nlines 1,2,3,4'], 'line breaks in strings'
  )
  t.same(
    found('[{"bbox_2d": [1, 2, 3, 4], "label": "a "bad" one"}, {"bbox_2d": [5, 6, 7, 8], "label": "b"}]'),
    ['a 1,2,3,4', 'b 5,6,7,8'], 'quotes in strings'
  )
  t.same(found('[{"bbox_2d": [1, 2, 3, 4]], {"bbox_2d": [5, 6, 7, 8]}]'), ['1,2,3,4', '5,6,7,8'], 'wrong brackets')
  t.same(
    found('[ // the dogs\n{"bbox_2d": [1, 2, 3, 4]}, // and\n{"bbox_2d": [5, 6, 7, 8]}]'), ['1,2,3,4', '5,6,7,8'],
    'comments'
  )
})

t.test('finds nothing inside strings', async t => {
  t.same(found(String.raw`{"label": "say \"bbox_2d\": [1, 2, 3, 4]", "bbox_2d": [5, 6, 7, 8]}`), [
    'say "bbox_2d": [1, 2, 3, 4] 5,6,7,8'
  ])
  t.same(
    found(String.raw`{"text": "{\"bbox_2d\": [1, 2, 3, 4]}", "other": "\\", "more": "{'bbox_2d': [1, 2, 3, 4]}"}`), []
  )
  t.same(
    found('["{\'bbox_2d\': [1, 2, 3, 4]}", "<|box_start|>(1,2),(3,4)<|box_end|>" x]'), [],
    'in a list that is malformed after it'
  )
  t.same(found('{"{\'bbox_2d\': [1, 2, 3, 4]}", "a": 1}'), [], 'as a key without a value')
  t.same(
    found('{"bbox_2d": [5, 6, 7, 8], "label": "{\'bbox_2d\': [1, 2, 3, 4]}'), ['5,6,7,8'],
    'in a string that was cut off'
  )
})

t.test('reads the box tokens of Qwen2-VL', async t => {
  const box = '<|box_start|>(101,201),(150,266)<|box_end|>'
  const ref = '<|object_ref_start|>一只狗<|object_ref_end|>'
  t.same(found(box), ['101,201,150,266'])
  t.same(found(
    `${ref}${box}和<|object_ref_start|>a woman<|object_ref_end|> <|box_start|> (1.5, 2), (3, 4) <|box_end|>正在沙滩上玩耍`
  ), ['一只狗 101,201,150,266', 'a woman 1.5,2,3,4'])
  t.same(found(`${ref}${box}${box}, ${box}.`), Array(3).fill('一只狗 101,201,150,266'), 'several boxes after one label')
  t.same(found(`${ref}<|box_start|>(1,2),(3,4), (5,6),(7,8)<|box_end|>`), ['一只狗 1,2,3,4', '一只狗 5,6,7,8'])
  t.same(found(`${ref}(1,2),(3,4) and ${box}`), ['一只狗 1,2,3,4', '101,201,150,266'], 'missing box tokens')
  t.same(found(`${ref}${box}(1,2),(3,4)`), ['一只狗 101,201,150,266'])
  t.same(findPointings("Action: click(start_box='<|box_start|>(246,113)<|box_end|>')"), [
    { shape: 'point', numbers: [246, 113], label: '', image: null, heading: null }
  ])
  t.same(found('<|box_start|>(1,2),(3,4),(5,6)<|box_end|>'), [], 'a polygon')
  t.same(found(`<|box_start|>(${'9'.repeat(400)},2),(3,4)<|box_end|>`), [], 'not finite')
  t.same(
    found('It lies at (10,20),(30,40), I think. (1,2) <|box_start|> or <|object_ref_start|> the dog (3,4),(5,6)'), [],
    'coordinates in prose'
  )
})

t.test('reads point tags', async t => {
  t.same(findPointings('<point x="12.5" y="30">nose</point>'), [
    { shape: 'point', numbers: [12.5, 30], label: 'nose', image: null, heading: null }
  ])
  t.same(found('<points x1="1" y1="2" x2=\'3\' y2=\'4\' x3="5" alt="cup cake">cake</points>'), ['cake 1,2', 'cake 3,4'])
  t.same(found('<points x1="1" y1="2" alt="cup cake"/> <point x="3" y="4" alt="cut off">c'), [
    'cup cake 1,2', 'cut off 3,4'
  ])
  t.same(found('<point x="a" y="2">x</point> <pointer x="1" y="2"> <point> <point x="1"'), [])
})

t.test('counts named images from 1 and indices from 0', async t => {
  const image = (entries: string) => findPointings(`{${entries}, "bbox_2d": [1, 2, 3, 4]}`)[0]!.image
  for (const key of [
    'image', 'Image', 'picture', 'photo', 'image_id', 'image id', 'picture_number', 'img_no', '图片', '图', '图片序号'
  ]) t.equal(image(`"${key}": 2`), 1, key)
  for (const key of ['image_index', 'imageIndex', 'image_idx', 'img_idx', 'picture_index']) {
    t.equal(image(`"${key}": 2`), 2, key)
  }
  for (const name of [
    '2', 'image 2', 'Image #2', 'image_2.png', 'Picture 2', 'the second picture', '2nd image', '图2', '图片 2', '图二',
    '第2张图', '第二张图片', '第2幅图'
  ]) {
    t.equal(image(`"image": "${name}"`), 1, name)
    t.equal(image(`"image_index": "${name}"`), name === '2' ? 2 : 1, name)
  }
  t.equal(image('"image": "dog.jpg"'), null)
  t.equal(image('"image": null'), null)
  t.equal(image('"image": 9'), 8, 'the image does not have to exist')
})

t.test('counts from 0 if the answer mentions an image 0', async t => {
  t.same(found(
    '[{"image": 0, "bbox_2d": []}, {"image": 1, "bbox_2d": [1, 2, 3, 4]}, {"image_index": 2, "bbox_2d": [1, 2, 3, 4]}]'
  ), ['1,2,3,4 @1', '1,2,3,4 @2'])
  t.same(found('Image 0: no dog.\nImage 1: {"bbox_2d": [1, 2, 3, 4]}'), ['1,2,3,4 ^1'])
  t.same(
    found('[{"image_index": 0, "bbox_2d": [1, 2, 3, 4]}, {"image": 1, "bbox_2d": [1, 2, 3, 4]}]'),
    ['1,2,3,4 @0', '1,2,3,4 @0'], 'an index does not change the other numbers'
  )
})

t.test('reads the image from the key of a group', async t => {
  t.same(found(
    '{"Picture 1": [{"bbox_2d": [1, 2, 3, 4]}], "图2": {"bbox_2d": [5, 6, 7, 8]}, "rest": {"bbox_2d": [5, 6, 7, 9]}}'
  ), ['1,2,3,4 @0', '5,6,7,8 @1', '5,6,7,9'])
  t.same(found('[{"image": 2, "objects": [{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5, 6, 7, 8], "image": 3}]}]'), [
    '1,2,3,4 @1', '5,6,7,8 @2'
  ])
  t.same(
    found('{"objects": [{"bbox_2d": [1, 2, 3, 4]}], "image": 2}'), ['1,2,3,4 @1'],
    'the name can follow the boxes'
  )
})

t.test('finds the nearest heading', async t => {
  const box = '{"bbox_2d": [1, 2, 3, 4]}'
  const heading = (prose: string) => findPointings(`${prose}${box}`)[0]!.heading
  for (const prose of [
    'Picture 2:\n', 'Image 2: ', '**Image 2:** ', '### Image 2\n', '- **Image 2** shows a dog: ',
    'Hello.\n\nIn image 2, the dog is here:\n', 'In the second image: ', 'In the 2nd picture ',
    'The dog in image 2 is at: ', 'Here is the dog in image 2\n', '1. Image 2\n', '[Image 2] ', '图2：', '图 2:\n',
    '第2张图', '第二张图片中的狗：\n', '在第2张图中，狗在这里：', '在图片2里有：', '狗（图2）：',
    'Image 1:\nnothing.\nImage 2:\n', 'Image 2:\nUnlike in image 1, it is brown. '
  ]) t.equal(heading(prose), 1, prose)
  for (const prose of [
    '', 'Here: ', 'I saw image 2, but ', 'As in image 2 ', '地图一样大。', 'images 2: ', 'image 2000: ', 'Imagine 2: ',
    '如图2所示，'
  ]) t.equal(heading(prose), null, prose)
  t.same(found(`图1：${box}图2：<|box_start|>(5,6),(7,8)<|box_end|>\n第3张图：<point x="1" y="2">a</point> ${box}`), [
    '1,2,3,4 ^0', '5,6,7,8 ^1', 'a 1,2 ^2', '1,2,3,4 ^2'
  ])
  t.same(found('Image 2: {"bbox_2d": [1, 2, 3, 4], "label": "image 1:", "image": 3}'), ['image 1: 1,2,3,4 @2 ^1'])
})

t.test('finds only complete boxes and points in an answer that was cut off', async t => {
  const objects = [
    '{"bbox_2d": [10, 20, 300, 400], "label": "a [dog]"}', '{"label": "it\'s \\"b\\"", "point_2d": ["15", 25]}',
    '{"bbox_2d": [[100, 200, 300, 400], [500, 600, 700, 800]], "label": "c"}'
  ]
  const tokens = '<|object_ref_start|>d<|object_ref_end|><|box_start|>(101,201),(150,266)<|box_end|>' +
    '<|box_start|>(11,22)<|box_end|>'
  const tag = '<points x1="31" y1="41" x2="32" y2="42" alt="e">f</points>'
  const answer = `Here:\n\`\`\`json\n{"objects": [${objects.join(', ')}]}\n\`\`\`\n${tokens} ${tag}`
  const whole = findPointings(answer)
  t.equal(whole.length, 8)
  let most = 0
  for (let end = 0; end <= answer.length; end++) {
    const part = findPointings(answer.slice(0, end))
    const good = part.length >= most && part.every(({ shape, numbers, label }, i) => {
      const { shape: wholeShape, numbers: wholeNumbers, label: wholeLabel } = whole[i]!
      // The label can be missing after a cut, but it is never incomplete. The tag has two labels.
      return shape === wholeShape && String(numbers) === String(wholeNumbers) && ['', wholeLabel, 'e'].includes(label)
    })
    if (!good) return t.fail(`cut at ${end}: ${part.map(short).join('; ')}`)
    most = part.length
  }
  t.equal(most, 8)
})

t.test('takes linear time for any input', async t => {
  const hostile: Record<string, (length: number) => string> = {
    digits: length => `[${'1'.repeat(length)}x`,
    decimals: length => `[1.${'1'.repeat(length)}x`,
    spaces: length => `{"bbox_2d": [1, 2,${' '.repeat(length)}x`,
    'spaces after a label': length => `<|object_ref_start|>a<|object_ref_end|>${' '.repeat(length)}x`,
    'spaces in a pair': length => `<|box_start|>(1,2),(1${' '.repeat(length)}x`,
    'spaces in a tag': length => `<point x${' '.repeat(length)}x`,
    backslashes: length => `["${'\\'.repeat(length)}`,
    pairs: length => `<|box_start|>${'(1,2),'.repeat(length / 6)}`,
    attributes: length => `<points ${Array.from({ length: length / 20 }, (_, i) => `x${i}="1" y${i}="2" `).join('')}`,
    'one long list': length => `{"bbox_2d": [${'[1, 2, 3, 4], '.repeat(length / 14)}`
  }
  for (const unit of [
    '[', '{', '[[],', '{"a":', '["', "['", '["\\"', '{"[\'', '{"{\'{', '[1', '"', '\\"', '{"bbox_2d": [1, 2, 3, 4], ',
    '{"image": "image 1', '"bbox_2d": [1, 2, 3, 4], "label": "', '{"label": "[\\"bbox_2d\\": [', '<|box_start|>',
    '<|box_start|>(', '<|box_start|>(1,2),(3', '<|object_ref_start|>', '<|object_ref_start|>a<|object_ref_end|>',
    '<|object_ref_start|>a<|object_ref_end|>(1,', '<point ', '<point x="', "<point x='1' y=\"", '<points x1="1" ',
    'image 1 ', 'image 1:', '\nimage ', '\n', ' ', '- ', '图2', '第1张图：', 'the first image '
  ]) hostile[JSON.stringify(unit)] = length => unit.repeat(length / unit.length)

  // Processor time, because other processes can delay this one.
  const milliseconds = (text: string) => {
    const start = process.cpuUsage()
    findPointings(text)
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1000
  }
  for (const [name, make] of Object.entries(hostile)) {
    const [text, longText] = [make(25_000), make(200_000)]
    let [short, long] = [Infinity, Infinity]
    // A measurement is repeated because the compiler or the garbage collector can disturb it.
    for (let run = 0; run < 8 && !isLinear(short, long); run++) {
      short = Math.min(short, milliseconds(text))
      long = Math.min(long, milliseconds(longText))
    }
    t.ok(isLinear(short, long), `${name}: ${short.toFixed(2)} ms, then ${long.toFixed(2)} ms`)
  }
})

/**
 * Compares the times for a text and for one of eight times the length. A factor of 8 is linear, 64 is quadratic. Times
 * below 2 ms are imprecise.
 */
function isLinear (short: number, long: number): boolean {
  return long < Infinity && long <= 30 * Math.max(short, 2)
}

t.test('returns valid results for any mixture of the forms', async t => {
  const below = integers(7)
  const pieces = [
    '[', ']', '{', '}', '"', "'", ':', ',', ' ', '\n', '\\', '"bbox_2d": ', '[1, 2, 3, 4]', '"point_2d": [5, 6]',
    '"label": "x"', '"image": 2', '1', '.5', '-', 'e9', 'null', 'NaN', '```json', 'Image 2:', '图2：', '图',
    '<|box_start|>', '<|box_end|>', '<|object_ref_start|>', '<|object_ref_end|>', '(1,2)', ',(3,4)', '(', ')',
    '<point ', '<points ', 'x="1" ', 'y="2" ', '>', '</point>', '\ud83d', '\u0000'
  ]
  let places = 0
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: below(40) }, () => pieces[below(pieces.length)]).join('')
    for (const { shape, numbers } of findPointings(text)) {
      places++
      if (numbers.length !== (shape === 'box' ? 4 : 2) || !numbers.every(Number.isFinite)) t.fail(JSON.stringify(text))
    }
  }
  t.ok(places > 100, `${places} places`)
})
