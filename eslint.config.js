import neostandard from 'neostandard'

const GENERATED = [
  'dist/', '.compiled/', 'web/src/api/*.gen.ts', 'native/build/', 'native/check/build/', 'tools/bench/build/', '.tap/',
  'uploads/'
]

export default [
  ...neostandard({ ts: true, ignores: GENERATED }),
  {
    rules: {
      // `void promise` says that nothing waits for the promise.
      'no-void': ['error', { allowAsStatement: true }],
      '@stylistic/max-len': ['error', { code: 120, ignoreUrls: true }]
    }
  }
]
