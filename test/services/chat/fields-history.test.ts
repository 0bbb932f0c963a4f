import t from 'tap'
import { HISTORY_MAX_TURNS, MESSAGE_MAX_CHARACTERS, TURN_MAX_IMAGES } from '../../../schemas/limits.ts'
import { parseChatForm } from '../../../services/chat/fields.ts'
import { errorOf, refusalOf } from '../refusal.ts'

const ID = `sha256:${'0123456789abcdef'.repeat(4)}`
const GOOD = { role: 'user', content: 'Hi' }

const historyOf = (history: unknown) => parseChatForm({ message: 'Hi', history }).history
const refusal = (history: unknown) => refusalOf(() => historyOf(history))

t.test('a history may be a list, JSON of a list, or one form field for each turn', async t => {
  const turns = [{ role: 'user', content: 'Hi', images: [ID] }, { role: 'assistant', content: 'Hello' }]
  const [first, second] = turns.map(turn => JSON.stringify(turn)) as [string, string]
  t.strictSame(historyOf(turns), turns)
  t.strictSame(historyOf(JSON.stringify(turns)), turns)
  t.strictSame(historyOf([first, second]), turns)
  t.strictSame(historyOf([first, turns[1]]), turns, 'a part of type application/json is parsed already')
  for (const history of [first, [first], turns[0]]) t.strictSame(historyOf(history), [turns[0]], 'a single turn')
  t.match(refusal([first, '{"role":']), { code: 'INVALID_HISTORY', message: /is not valid JSON/ })
  t.match(refusal([first, '{"role":"user"}']), { code: 'INVALID_HISTORY', message: /^Field "history" turn 1 / })
  t.match(refusal([first, '']), { code: 'INVALID_HISTORY' }, 'an empty field is not a turn')
  t.match(
    refusal([JSON.stringify(turns), second]), { code: 'INVALID_HISTORY', message: /^Field "history" turn 0 / },
    'a list is not a turn'
  )
})

t.test('a history that is not JSON or not a list is refused', async t => {
  t.match(refusal('[{"role":'), {
    code: 'INVALID_HISTORY', status: 400, message: /^Field "history" is not valid JSON: /, details: { field: 'history' }
  })
  for (const history of ['{}', '"Hi"', 'null', '5', {}, 5]) {
    t.strictSame(refusal(history), {
      code: 'INVALID_HISTORY',
      status: 400,
      message: 'Field "history" must be a list of turns',
      details: { field: 'history' }
    }, JSON.stringify(history))
  }
})

t.test('a refusal names the turn at fault and the place in it', async t => {
  const cases: Array<[turn: unknown, fault: string]> = [
    [5, ' must be an object'],
    [null, ' must be an object'],
    [[], ' must be an object'],
    [{ role: 'user' }, ' must have "content"'],
    [{ content: 'Hi' }, ' must have "role"'],
    [{ role: 'system', content: 'Hi' }, ' role must be one of user, assistant'],
    [{ role: 'user', content: 5 }, ' content must be a string'],
    [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }, ' content must be a string'],
    [
      { role: 'user', content: 'x'.repeat(MESSAGE_MAX_CHARACTERS + 1) },
      ' content must not have more than 32000 characters'
    ],
    [{ role: 'user', content: 'Hi', name: 'Ann' }, ' name is unknown'],
    [JSON.parse('{"role":"user","content":"Hi","__proto__":5}'), ' __proto__ is unknown'],
    [{ role: 'user', content: 'Hi', images: ID }, ' images must be a list'],
    [
      { role: 'user', content: 'Hi', images: [ID, 5] },
      ' images 1 must be the id of an image as on its receipt: sha256: and 64 hexadecimal digits'
    ],
    [
      { role: 'user', content: 'Hi', images: Array.from({ length: TURN_MAX_IMAGES + 1 }, () => ID) },
      ' images must not have more than 64 items'
    ]
  ]
  for (const [turn, fault] of cases) {
    for (const history of [[GOOD, turn], JSON.stringify([GOOD, turn])]) {
      const { code, status, message } = refusal(history)
      t.strictSame([code, status], ['INVALID_HISTORY', 400])
      t.notMatch(message, /schema|propert|pattern|constant/)
      t.equal(message, `Field "history" turn 1${fault}`)
    }
  }
})

t.test('a text in a list of turns is JSON if it is a field of a form, and no turn if it is within JSON', async t => {
  t.match(refusal([GOOD, 'Hi']).message, /^Field "history" is not valid JSON: /)
  t.equal(refusal(JSON.stringify([GOOD, 'Hi'])).message, 'Field "history" turn 1 must be an object')
})

t.test('the images of a turn are ids, exactly as on receipts', async t => {
  for (const image of ['cat.jpg', ID.toUpperCase(), `${ID}0`, `${ID}\n`, ` ${ID}`, '']) {
    const { code, message } = refusal([{ role: 'user', content: 'Hi', images: [ID, image] }])
    t.equal(code, 'INVALID_HISTORY', JSON.stringify(image))
    t.match(message, /^Field "history" turn 0 images 1 must be the id of an image as on its receipt/)
  }
})

t.test('refusals are in Chinese too', async t => {
  const sentence = (history: unknown) => errorOf(() => historyOf(history)).sentence('zh')
  t.match(sentence([GOOD, { role: 'user', content: 'Hi', name: 'Ann' }]), /第 1 轮 name 未知/)
  t.match(sentence(5), /必须是对话轮次的列表/)
})

t.test('only turns of the user may have images', async t => {
  t.strictSame(refusal([{ role: 'assistant', content: 'Hi', images: [ID] }]), {
    code: 'INVALID_HISTORY',
    status: 400,
    message: 'Field "history" turn 0: only turns of the user may have images',
    details: { field: 'history' }
  })
  const history = [{ role: 'assistant', content: 'Hi', images: [] }]
  t.strictSame(historyOf(history), history)
})

t.test('a history may have 200 turns', async t => {
  const turns = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: 'Hi' }))
  t.equal(historyOf(turns(HISTORY_MAX_TURNS))?.length, 200)
  t.strictSame(refusal(turns(HISTORY_MAX_TURNS + 1)), {
    code: 'INVALID_HISTORY',
    status: 400,
    message: 'Field "history" has 201 turns; the limit is 200',
    details: { field: 'history', limit: 200 }
  })
})
