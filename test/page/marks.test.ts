import t from 'tap'
import type { StoredImage } from '../../web/src/model/conversation.ts'
import { COLOURS, markedImages } from '../../web/src/model/marks.ts'

const ids = ['a', 'b', 'c'].map(letter => `sha256:${letter.repeat(64)}`)

function image (id: string | null, name: string): StoredImage {
  return { key: name, name, type: 'image/png', bytes: 1, width: 100, height: 50, id }
}

function box (image: number, label: string, id = ids[image]!) {
  return { image, id, label, box: [1, 2, 30, 40] as [number, number, number, number] }
}

t.test('marks are grouped by image, in the order of the conversation', async t => {
  const images = ids.map((id, i) => image(id, `${i}.png`))
  const marked = markedImages(
    'answer',
    { boxes: [box(2, 'cat'), box(0, 'dog')], points: [{ image: 2, id: ids[2]!, label: 'cat', point: [5, 6] }] },
    images
  )
  t.same(marked.map(({ image, number }) => [image?.name, number]), [['0.png', 1], ['2.png', 3]])
  const [cat, point] = marked[1]!.marks
  t.match(cat, { key: 'answer/box/0', kind: 'box', number: 1, x1: 1, y1: 2, x2: 30, y2: 40 })
  t.match(point, { key: 'answer/point/0', kind: 'point', number: 1, x1: 5, y1: 6, x2: 5, y2: 6 })
  t.equal(cat?.colour, point?.colour, 'the same label has the same colour')
  t.not(marked[0]!.marks[0]!.colour, cat?.colour)
})

t.test('the image is found by its id when the service numbers images differently', async t => {
  const images = [image(null, 'never answered.png'), image(ids[0]!, 'meant.png')]
  t.match(markedImages('answer', { boxes: [box(0, '')], points: [] }, images), [
    { image: { name: 'meant.png' }, number: 2 }
  ])
})

t.test('the index of the service selects among copies of an image', async t => {
  const images = [image(ids[0]!, 'first.png'), image(ids[0]!, 'second.png')]
  t.match(markedImages('answer', { boxes: [box(1, '', ids[0])], points: [] }, images), [
    { image: { name: 'second.png' }, number: 2 }
  ])
})

t.test('marks of a missing image are returned too', async t => {
  t.match(markedImages('answer', { boxes: [box(1, 'cat')], points: [] }, []), [
    { image: null, number: 2, marks: [{ label: 'cat' }] }
  ])
})

t.test('colours repeat when there are more labels', async t => {
  const boxes = Array.from({ length: COLOURS + 1 }, () => box(0, ''))
  const colours =
    markedImages('answer', { boxes, points: [] }, [image(ids[0]!, 'a.png')])[0]!.marks.map(({ colour }) => colour)
  t.same(colours, [...Array(COLOURS).keys(), 0], 'each mark without a label has its own colour')
})
