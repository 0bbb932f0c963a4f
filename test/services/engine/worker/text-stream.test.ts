import t from 'tap'
import { createTextStream } from '../../../../services/engine/worker/text-stream.ts'
import { generator } from '../../../../tools/lib/random.ts'

/** A byte-level tokenizer: a token is a run of bytes, and invalid UTF-8 becomes U+FFFD. */
function tokenizer (pieces: Array<string | Buffer | number[]>) {
  const bytes = pieces.map(piece => typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece))
  return {
    tokens: bytes.map((_, index) => index),
    detokenize: (tokens: number[]) => Buffer.concat(tokens.map(token => bytes[token]!)).toString()
  }
}

/** Returns the text of each `push` and of `end`. */
function play (pieces: Array<string | Buffer | number[]>, stop: string[] = []) {
  const { tokens, detokenize } = tokenizer(pieces)
  const stream = createTextStream(detokenize, stop)
  const pushed: string[] = []
  for (const token of tokens) {
    pushed.push(stream.push(token))
    if (stream.stopped) break
  }
  const rest = stream.end()
  return { pushed, rest, text: pushed.join('') + rest, stopped: stream.stopped }
}

/** Cuts bytes into pieces of 1 to `longest` bytes. */
function cut (text: string, longest: number, random: () => number): Buffer[] {
  const bytes = Buffer.from(text)
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + Math.floor(random() * longest)
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}

const CHARACTERS =
  ['a', 'b', 'c', ' ', '\n', 'é', 'ß', 'Ω', '中', '文', '€', '😀', '👍🏽', '👨‍👩‍👧', 'e\u0301', '<', '|', '>']

function randomText (random: () => number, length: number, characters = CHARACTERS): string {
  return Array.from({ length }, () => characters[Math.floor(random() * characters.length)]!).join('')
}

t.test('returns complete tokens at once', async t => {
  t.same(play(['The ', 'cat', ' sat.']).pushed, ['The ', 'cat', ' sat.'])
})

t.test('withholds a character until its last byte', async t => {
  const bytes = [...Buffer.from('中')]
  t.same(play([[bytes[0]!], [bytes[1]!], [bytes[2]!]]), { pushed: ['', '', '中'], rest: '', text: '中', stopped: false })
  const emoji = [...Buffer.from('😀')]
  t.same(play(['x', emoji.slice(0, 1), emoji.slice(1, 3), [...emoji.slice(3), 0x21]]).pushed, ['x', '', '', '😀!'])
})

t.test('joins characters that share a token', async t => {
  // "é中" has 2 + 3 bytes. The second token contains the end of the first character and the beginning of the second.
  const bytes = Buffer.from('é中')
  t.equal(play([bytes.subarray(0, 1), bytes.subarray(1, 3), bytes.subarray(3)]).text, 'é中')
})

t.test('keeps an emoji of several code points whole', async t => {
  const family = '👨‍👩‍👧'
  const text = play([...Buffer.from(family)].map(byte => [byte])).text
  t.equal(text, family)
})

t.test('leaves out a character that the end cuts', async t => {
  const { pushed, rest, stopped } = play(['ok', [0xe4, 0xb8]])
  t.same(pushed, ['ok', ''])
  t.equal(rest, '')
  t.equal(stopped, false)
})

t.test('does not withhold bytes that never become text', async t => {
  const { pushed, text } = play([...Array.from({ length: 20 }, () => [0xff]), 'after'])
  t.ok(pushed.slice(0, 20).some(piece => piece !== ''), 'something comes before the 20th token')
  t.match(text, /^\uFFFD+after$/)
})

t.test('cuts at a stop string within a token', async t => {
  t.same(play(['one STOP two', 'three'], ['STOP']), { pushed: ['one '], rest: '', text: 'one ', stopped: true })
})

t.test('cuts at a stop string that spans tokens and returns no part of it', async t => {
  const { pushed, text, stopped } = play(['Hello', ' <', '|e', 'n', 'd|', '> more'], ['<|end|>'])
  t.same(pushed, ['Hello', ' ', '', '', '', ''])
  t.equal(text, 'Hello ')
  t.equal(stopped, true)
})

t.test('returns a withheld prefix of a stop string that does not continue', async t => {
  const { pushed, stopped } = play(['a <', '|e', 'xit|>'], ['<|end|>'])
  t.same(pushed, ['a ', '', '<|exit|>'])
  t.equal(stopped, false)
})

t.test('finds a stop string that begins within a false start', async t => {
  t.equal(play(['a', 'a', 'a', 'b', 'c'], ['aab']).text, 'a')
  t.equal(play(['\n', '\n', '#'], ['\n#']).text, '\n')
})

t.test('returns a withheld prefix of a stop string at the end', async t => {
  const { pushed, rest, stopped } = play(['done EN'], ['END'])
  t.same(pushed, ['done '])
  t.equal(rest, 'EN')
  t.equal(stopped, false)
})

t.test('cuts at the first of several stop strings', async t => {
  t.equal(play(['red green blue'], ['blue', 'green']).text, 'red ')
  t.equal(play(['red gre', 'en blue'], ['blue', 'green']).text, 'red ')
})

t.test('finds a stop string whose bytes span tokens', async t => {
  const bytes = Buffer.from('问题：答案。完')
  t.equal(play([...bytes].map(byte => [byte]), ['。']).text, '问题：答案')
})

t.test('returns nothing after a stop string', async t => {
  const { detokenize } = tokenizer(['a.b', 'c'])
  const stream = createTextStream(detokenize, ['.'])
  t.equal(stream.stopped, false)
  t.equal(stream.push(0), 'a')
  t.equal(stream.stopped, true)
  t.equal(stream.push(1), '')
  t.equal(stream.end(), '')
})

t.test('returns the end only once', async t => {
  const { detokenize } = tokenizer(['EN'])
  const stream = createTextStream(detokenize, ['END'])
  stream.push(0)
  t.equal(stream.end(), 'EN')
  t.equal(stream.end(), '')
})

t.test('any text is complete and never contains a part of a character, with any tokens', async t => {
  const random = generator(1)
  let faults = 0
  for (let i = 0; i < 1000; i++) {
    const text = randomText(random, 1 + Math.floor(random() * 40))
    const { pushed, text: got } = play(cut(text, 1 + Math.floor(random() * 6), random))
    if (got !== text || pushed.some(piece => piece.includes('\uFFFD'))) faults++
  }
  t.equal(faults, 0)
})

t.test('a long run of tokens that all end within a character is complete', async t => {
  // Tokens of four bytes with an offset of one byte: only the last token ends with a character.
  const text = '😀'.repeat(30)
  const bytes = Buffer.from(text)
  const pieces = [bytes.subarray(0, 1)]
  for (let at = 1; at < bytes.length; at += 4) pieces.push(bytes.subarray(at, at + 4))
  const { pushed, text: got } = play(pieces)
  t.equal(got, text)
  t.ok(pushed.slice(0, 20).join('').length > 0, 'and not all at once')
})

t.test('any text is complete up to its first stop string, with any tokens', async t => {
  const random = generator(2)
  const characters = ['a', 'b', '<', '|', '>', '中', '😀', '\n']
  let faults = 0
  let stops = 0
  for (let i = 0; i < 3000; i++) {
    const text = randomText(random, 1 + Math.floor(random() * 30), characters)
    const candidates = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
      randomText(random, 1 + Math.floor(random() * 4), characters))
    // If one stop string contains another, the tokens decide which of them is first.
    const stop = candidates.filter(one => !candidates.some(other => other !== one && one.includes(other)))
    const first = Math.min(...stop.map(needle => text.indexOf(needle)).filter(at => at !== -1))
    const expected = Number.isFinite(first) ? text.slice(0, first) : text
    const { text: got, stopped } = play(cut(text, 1 + Math.floor(random() * 5), random), stop)
    if (got !== expected || stopped !== Number.isFinite(first)) faults++
    if (stopped) stops++
  }
  t.equal(faults, 0)
  t.ok(stops > 500 && stops < 2900, `${stops} of 3000 met a stop string`)
})
