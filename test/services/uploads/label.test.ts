import t from 'tap'
import { labelOf } from '../../../services/uploads/label.ts'

t.test('contains the place and the file name from the client', async t => {
  t.equal(labelOf('images[0]', 'cat.jpg'), 'images[0] ("cat.jpg")')
  t.equal(labelOf('images[7]', '猫 é 😀.png'), 'images[7] ("猫 é 😀.png")')
  t.equal(labelOf('history_images[0]', 'cat.jpg'), 'history_images[0] ("cat.jpg")')
  t.equal(labelOf('messages[2].content[1].image_url.url'), 'messages[2].content[1].image_url.url')
})

t.test('contains the place only, without a file name', async t => {
  for (const name of [undefined, '', '   ', '\n\t', '\u202e\u200b']) {
    t.equal(labelOf('images[2]', name), 'images[2]', JSON.stringify(name))
  }
})

t.test('removes control, line, direction and invisible characters', async t => {
  t.equal(labelOf('images[0]', 'a\r\nSet-Cookie: x\0\x1b[31mb\x7f\x85'), 'images[0] ("a Set-Cookie: x [31mb")')
  t.equal(labelOf('images[0]', 'photo\u202egpj.exe'), 'images[0] ("photo gpj.exe")', 'no right-to-left override')
  t.equal(labelOf('images[0]', 'a\u2028b\u2029c\u00a0d\u200be\ufefff\u{e0041}g'), 'images[0] ("a b c d e f g")')
  t.equal(labelOf('images[0]', 'a\ud800b'), 'images[0] ("a b")', 'nor half a character')
})

t.test('cannot imitate another label', async t => {
  t.equal(labelOf('images[0]', 'a") images[1] ("b'), 'images[0] ("a\') images[1] (\'b")')
})

t.test('shortens long names to 60 whole characters', async t => {
  t.equal(labelOf('images[0]', 'x'.repeat(60)), `images[0] ("${'x'.repeat(60)}")`)
  t.equal(labelOf('images[0]', 'x'.repeat(61)), `images[0] ("${'x'.repeat(59)}…")`)
  t.equal(labelOf('images[0]', '😀'.repeat(60)), `images[0] ("${'😀'.repeat(60)}")`)
  t.equal(labelOf('images[0]', '😀'.repeat(1000)), `images[0] ("${'😀'.repeat(59)}…")`)
})

t.test('repeats a path as text', async t => {
  t.equal(labelOf('images[0]', '../../etc/passwd'), 'images[0] ("../../etc/passwd")')
  t.equal(labelOf('images[0]', 'C:\\fakepath\\cat %s %d.jpg'), 'images[0] ("C:\\fakepath\\cat %s %d.jpg")')
})
