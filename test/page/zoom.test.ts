import t from 'tap'
import { FITTING, fitScale, moved, toggled, zoomedAt, type Place, type View } from '../../web/src/model/zoom.ts'

const IMAGE = { width: 2000, height: 1000 }
const FRAME = { width: 500, height: 500 }

/** The image position in pixels, from the image's centre, that is shown at a place of the frame. */
function under (view: View, at: Place): Place {
  const scale = fitScale(IMAGE, FRAME) * view.zoom
  return { x: (at.x - view.x) / scale, y: (at.y - view.y) / scale }
}

t.test('an image fits its frame, and a small one is enlarged only up to a limit', async t => {
  t.equal(fitScale(IMAGE, FRAME), 0.25)
  t.equal(fitScale({ width: 8, height: 8 }, FRAME), 4)
})

t.test('the point under the pointer stays in place', async t => {
  const at = { x: 120, y: 40 }
  // The image is larger than the frame in both directions, so its position is not limited.
  const before = zoomedAt(FITTING, 4, { x: 0, y: 0 }, IMAGE, FRAME)
  const after = zoomedAt(before, 1.5, at, IMAGE, FRAME)
  t.equal(after.zoom, 6)
  t.same(under(after, at), under(before, at))
})

t.test('zoom is limited', async t => {
  t.equal(zoomedAt(FITTING, 0.1, { x: 0, y: 0 }, IMAGE, FRAME).zoom, 1)
  t.equal(zoomedAt(FITTING, 1e6, { x: 0, y: 0 }, IMAGE, FRAME).zoom, 32, 'eight CSS pixels per image pixel')
})

t.test('the image does not leave its frame', async t => {
  t.same(moved(FITTING, { x: 50, y: 50 }, IMAGE, FRAME), FITTING)
  const view = zoomedAt(FITTING, 3, { x: 0, y: 0 }, IMAGE, FRAME)
  // The image has 1500 × 750 pixels in a frame of 500 × 500.
  t.same(moved(view, { x: 1e4, y: -1e4 }, IMAGE, FRAME), { zoom: 3, x: 500, y: -125 })
})

t.test('a double click switches between the whole image and its own size', async t => {
  const view = toggled(FITTING, { x: 0, y: 0 }, IMAGE, FRAME)
  t.equal(view.zoom * fitScale(IMAGE, FRAME), 1)
  t.same(toggled(view, { x: 10, y: 10 }, IMAGE, FRAME), FITTING)
})
