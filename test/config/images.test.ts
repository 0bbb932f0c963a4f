import t from 'tap'
import { compressionWarning, loadConfig } from '../../config/config.ts'
import { GB, messageOf } from './message-of.ts'

t.test('refuses IMAGE_MIN_TOKENS above IMAGE_MAX_TOKENS', async t => {
  t.equal(
    messageOf({ IMAGE_MIN_TOKENS: '65', IMAGE_MAX_TOKENS: '64' }),
    'IMAGE_MIN_TOKENS (65) must not exceed IMAGE_MAX_TOKENS (64)'
  )
  t.match(loadConfig({ IMAGE_MIN_TOKENS: '64', IMAGE_MAX_TOKENS: '64' }), { imageMinTokens: 64, imageMaxTokens: 64 })
})

t.test('warns when MAX_PIXELS makes IMAGE_COMPRESSION_MAX_SIZE unreachable', async t => {
  t.equal(compressionWarning(loadConfig({})), null)
  t.equal(compressionWarning(loadConfig({ IMAGE_COMPRESSION_MAX_SIZE: '2048', MAX_PIXELS: '4194304' })), null)
  t.equal(compressionWarning(loadConfig({ IMAGE_COMPRESSION_MAX_SIZE: '2048' })),
    'MAX_PIXELS=1003520 limits square images to 1001 x 1001 pixels, so IMAGE_COMPRESSION_MAX_SIZE=2048 is never ' +
    'reached: raise MAX_PIXELS to 4194304')
  const beyond = compressionWarning(loadConfig({ IMAGE_COMPRESSION_MAX_SIZE: '8192', MAX_PIXELS: '16777216' }))
  t.match(beyond, /lower IMAGE_COMPRESSION_MAX_SIZE to 4096$/, 'no advice that the bounds forbid')
})

t.test('refuses an image cache larger than the memory, with either engine', async t => {
  for (const engine of [{}, { ENGINE: 'openai', ENGINE_URL: 'http://gpu:8000' }]) {
    t.equal(messageOf({ ...engine, IMAGE_CACHE_MB: '9216' }, 10 * GB), 'accepted')
    t.equal(loadConfig(engine, GB / 4).imageCacheMb, 230, 'the default is lowered')
    t.equal(
      messageOf({ ...engine, IMAGE_CACHE_MB: '9217' }, 10 * GB),
      'IMAGE_CACHE_MB=9217 exceeds the memory of this machine or container: set at most 9216'
    )
  }
})
