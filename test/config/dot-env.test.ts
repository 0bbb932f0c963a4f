import t from 'tap'
import { ConfigError, loadConfig, readEnvironment } from '../../config/config.ts'

t.test('completes the environment by .env', async t => {
  const dir = t.testdir({
    '.env': '\uFEFFPORT=5001\r\nMODEL="a b#c" # a comment\r\nSIGHTLINE_TEST_SET=file\nSIGHTLINE_TEST_EMPTY=file\n'
  })
  process.env.SIGHTLINE_TEST_SET = 'process'
  process.env.SIGHTLINE_TEST_EMPTY = ''
  const { PORT, MODEL } = process.env
  delete process.env.PORT
  delete process.env.MODEL
  t.teardown(() => {
    delete process.env.SIGHTLINE_TEST_SET
    delete process.env.SIGHTLINE_TEST_EMPTY
    if (PORT !== undefined) process.env.PORT = PORT
    if (MODEL !== undefined) process.env.MODEL = MODEL
  })
  const env = readEnvironment(dir)
  t.match(loadConfig(env), { port: 5001, model: 'a b#c' })
  t.equal(env.SIGHTLINE_TEST_SET, 'process')
  t.equal(env.SIGHTLINE_TEST_EMPTY, 'file', 'an empty variable does not hide the file')
  t.equal(process.env.PORT, undefined, 'the environment itself stays as it is')
})

t.test('works without .env but reports one that it cannot read', async t => {
  t.equal(readEnvironment(t.testdir({})).PATH, process.env.PATH)
  t.throws(() => readEnvironment(t.testdir({ '.env': {} })), {
    constructor: ConfigError, message: /^\.env cannot be read: EISDIR/
  })
})
