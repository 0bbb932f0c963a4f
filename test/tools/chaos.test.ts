import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { StallBook } from '../../tools/chaos/books/stalls.ts'
import { Checker } from '../../tools/chaos/checker.ts'
import { FAULTS } from '../../tools/chaos/faults/index.ts'
import { createAnswerReader } from '../../tools/chaos/lib/answers.ts'
import { endingsOf } from '../../tools/chaos/lib/ending.ts'
import { createImages } from '../../tools/chaos/lib/images.ts'
import { createPlan, type PlannedRequest } from '../../tools/chaos/plan.ts'
import { KINDS } from '../../tools/chaos/requests/index.ts'
import { PROBE, type LogLine, type Service, type Stall } from '../../tools/chaos/service.ts'
import { createSession } from '../../tools/chaos/session.ts'
import { slopeOf } from '../../tools/chaos/slopes.ts'

const SEED = 11
/** The chaos run takes this long, and longer if not every kind of ending has occurred. */
const MINUTES = 12 / 60
const MOST_MINUTES = 3
/** Faults that need no privileges. */
const FAULT_NAMES = ['engine-kill', 'engine-stop', 'service-kill', 'service-term']

/** Reads the bytes of a connection as the endings of `expected` requests. */
async function ended (text: string, expected = 1) {
  const reader = createAnswerReader(expected)
  // The place where the bytes are cut must not matter.
  reader.push(Buffer.from(text.slice(0, 30)))
  reader.push(Buffer.from(text.slice(30)))
  reader.close()
  const { answers, surplus, complete } = reader
  return await endingsOf(
    { answers, surplus, cut: complete < expected ? 'service' : null, sent: 0, startedAt: 0, endedAt: 0 }, expected
  )
}

const json = (status: number, body: object, headers = '') => {
  const text = JSON.stringify(body)
  const type = 'x-request-id: r\r\ncontent-type: application/json'
  return `HTTP/1.1 ${status} X\r\n${type}\r\n${headers}content-length: ${text.length}\r\n\r\n${text}`
}
const stream = (events: string) => {
  const head = 'x-request-id: r\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked'
  return `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${events.length.toString(16)}\r\n${events}\r\n0\r\n\r\n`
}
const event = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

t.test('endings are named, and their faults are found', async t => {
  const accepted = event('accepted', { images: 0 })
  const done = event('done', { request_id: 'r' })
  const cases: Array<[text: string, name: string, fault: string | null]> = [
    [json(200, { response: 'Hi', request_id: 'r' }), 'answer', null],
    [json(200, { response: 'Hi', request_id: 'other' }), 'answer', 'request_id other under x-request-id r'],
    [json(200, { response: 'Hi', request_id: 'r' }) + 'HTTP', 'answer', '4 bytes after its end'],
    [json(200, { response: 'Hi', request_id: 'r' }).slice(0, -1), 'cut by the service', null],
    [json(429, { code: 'SERVER_BUSY', request_id: 'r' }, 'retry-after: 1\r\n'), 'error 429 SERVER_BUSY', null],
    [json(429, { code: 'SERVER_BUSY', request_id: 'r' }), 'error 429 SERVER_BUSY', '429 without Retry-After'],
    [json(404, { error: { code: 'MODEL_NOT_FOUND', request_id: 'r' } }), 'error 404 MODEL_NOT_FOUND', null],
    [stream(accepted + event('token', { text: 'Hi' }) + done), 'stream', null],
    [stream(accepted + event('error', { code: 'TIMEOUT', request_id: 'r' })), 'event TIMEOUT', null],
    [stream(accepted), 'stream', 'a stream of 0 endings whose last event is accepted'],
    [stream(accepted + done + done), 'stream', 'a stream of 2 endings whose last event is done'],
    [
      stream(accepted + done + event('token', { text: 'Hi' })), 'stream',
      'a stream of 1 endings whose last event is token'
    ],
    [stream(event('accepted', { images: 1 }) + done), 'stream', '0 receipts for 1 images'],
    [stream('data: {"choices":[]}\n\ndata: [DONE]\n\n'), 'stream', null],
    [stream('data: {"choices":[]}\n\n'), 'stream', 'a stream of 0 [DONE] and 0 errors'],
    [stream(accepted).slice(0, -5), 'cut by the service', null],
    ['', 'cut by the service', null]
  ]
  for (const [text, name, fault] of cases) t.match((await ended(text))[0], { name, fault }, text)
  const [first, second] = await ended(
    json(200, { response: 'Hi', request_id: 'r' }) + json(400, { code: 'INVALID_JSON', request_id: 'r' }), 2
  )
  t.match([first!.name, second!.name], ['answer', 'error 400 INVALID_JSON'])
})

t.test('a seed always gives the same plan, and each request can be made by its number', async t => {
  const images = await createImages(SEED)
  const make = (seed: number) => createPlan({ seed, kinds: KINDS, faults: Object.values(FAULTS), images, model: 'm' })
  const [one, again, other] = [make(SEED), make(SEED), make(SEED + 1)]
  // Without checksums, the bytes of all rounds would take gigabytes.
  const shown = ({ sending: { bytes, ...sending }, ...request }: PlannedRequest) => {
    return { ...request, sending, length: bytes.length, sum: crc32(bytes) }
  }
  const plain = ({ requests, faults }: ReturnType<typeof one.round>) => ({
    requests: requests.map(shown),
    faults: faults.map(({ fault, at, delayMs }) => ({ name: fault.name, at, delayMs }))
  })
  const rounds = Array.from({ length: 10 }, (_, i) => plain(one.round(i)))
  t.ok(isDeepStrictEqual(rounds, Array.from({ length: 10 }, (_, i) => plain(again.round(i)))))
  t.notOk(isDeepStrictEqual(rounds[0], plain(other.round(0))))
  const expected = rounds[3]!.requests[5]!
  t.ok(isDeepStrictEqual(shown(make(SEED).request(expected.number)), expected))
  t.same(
    new Set(rounds.flatMap(it => it.faults.map(({ name }) => name))), new Set(Object.keys(FAULTS)),
    'a deck contains every fault'
  )
})

t.test('a slope is computed over all lives of a process', async t => {
  const life = (name: string, start: number) =>
    Array.from({ length: 10 }, (_, x) => ({ life: name, x, y: start + 3 * x + (x % 2) }))
  const slope = slopeOf([...life('a', 0), ...life('b', 500)])!
  t.ok(Math.abs(slope.slope - 3) < 0.1, `${slope.slope}`)
  t.ok(slope.standardError > 0 && slope.standardError < 0.1, `${slope.standardError}`)
  t.equal(slopeOf([{ life: 'a', x: 0, y: 1 }, { life: 'b', x: 1, y: 2 }]), null)
})

t.test('a stall counts against the service, except for the time in which its threads wait for a CPU', async t => {
  const cases: Array<[cpuMs: number, waitMs: number, blockedMs: number, othersWaitMs: number, isFault: boolean]> = [
    [251, 0, 0, 0, true],
    [251, 900, 0, 900, true],
    [249, 0, 0, 0, false],
    [20, 900, 0, 0, false],
    [20, 0, 300, 0, true],
    [20, 0, 300, 290, false],
    [240, 0, 100, 10, true]
  ]
  for (const [cpuMs, waitMs, blockedMs, othersWaitMs, isFault] of cases) {
    const wallMs = cpuMs + waitMs + blockedMs
    const fault = new StallBook().add({ at: 0, wallMs, cpuMs, waitMs, blockedMs, othersWaitMs })
    t.equal(fault !== null, isFault, String(fault))
  }
})

t.test('the probe reports stalls of the event loop', { timeout: 30_000 }, async t => {
  const server = path.join(t.testdir(), 'server.js')
  writeFileSync(server, `
    setTimeout(() => { while (process.cpuUsage().user < 800_000); }, 100)
    setTimeout(() => {}, 20_000)
  `)
  const child = fork(server, { execArgv: ['--import', PROBE] })
  t.teardown(() => child.kill('SIGKILL'))
  const [{ stall }] = await once(child, 'message') as [{ stall: Stall }]
  t.ok(stall.cpuMs > 300, JSON.stringify(stall))
  t.ok(Math.abs(stall.wallMs - stall.cpuMs - stall.waitMs - stall.blockedMs) < 30, JSON.stringify(stall))
})

function createChecker () {
  return new Checker({ service: {} as Service, uploadDir: '', slots: 3, onViolation () {} })
}

function planned (number: number): PlannedRequest {
  return { number, kind: 'test', thinkMs: 0, right: ['answer'], sending: { bytes: Buffer.alloc(100), answers: 1 } }
}

t.test('a violation by a stall names the requests that were in flight', async t => {
  const checker = createChecker()
  const [over, running] = [checker.begin(planned(1)), checker.begin(planned(2))]
  over.endedAt = over.startedAt
  const at = running.startedAt + 1000
  const stall = { at, wallMs: 500, cpuMs: 500, waitMs: 0, blockedMs: 0, othersWaitMs: 0 }
  checker.onStall(stall)
  t.match(checker.violations, [{ request: 2, what: /in flight: 2 \(test\)$/ }])
  checker.onStall({ ...stall, at: running.startedAt + 100 })
  t.match(checker.violations[1], { request: null, what: /in flight: 1 \(test\), 2 \(test\)$/ })
})

t.test('a request that continues after its connection has ended is a violation', async t => {
  const checker = createChecker()
  const entry = checker.begin(planned(1))
  checker.connected(entry, 4000)
  const line = (msg: string, time: number, reqId = 'r'): LogLine => {
    return { level: 30, msg, time, reqId, req: { remotePort: 4000 } }
  }
  checker.onLine(line('incoming request', entry.startedAt))
  const { startedAt } = entry
  await checker.end(entry, { answers: [], cut: 'client', surplus: 0, sent: 100, startedAt, endedAt: startedAt + 10 })
  const before = checker.violations.length
  checker.onLine(line('request refused', entry.startedAt + 500))
  t.equal(checker.violations.length, before)
  checker.onLine(line('request not served', entry.startedAt + 2000))
  checker.onLine(line('incoming request', entry.startedAt + 3000, 'of a later connection on the same port'))
  t.match(checker.violations.slice(before), [{ request: 1, what: /continues 1990 ms after/ }])
  t.equal(checker.violations.length, before + 1)
})

t.test('a short run of chaos without a violation', async t => {
  const session = await createSession({ seed: SEED, slots: 3, faults: FAULT_NAMES.map(name => FAULTS[name]!) })
  t.teardown(() => session.close())
  const { checker } = session
  const isAnswered = (ending: string) => checker.endings.get('good')?.has(ending) === true
  const hasAll = () =>
    checker.requests > 50 && checker.windows.all.length > 0 && isAnswered('answer') && isAnswered('stream')
  await session.play(MINUTES, hasAll, MOST_MINUTES)
  t.same(checker.violations, [])
  t.ok(checker.requests > 50, `${checker.requests} connections`)
  t.ok(checker.windows.all.length > 0, `${checker.windows.all.length} faults`)
  for (const ending of ['answer', 'stream']) t.ok(isAnswered(ending), `a good question got: ${ending}`)
})
