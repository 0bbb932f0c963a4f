import neostandard from 'neostandard'

export default [
  ...neostandard({
    ts: true,
    ignores: [
      'dist/', 'web/src/api/*.gen.ts', 'native/build/', 'native/check/build/', 'tools/bench/build/', '.tap/', 'uploads/'
    ]
  }),
  {
    // `void promise` says that nobody waits for it.
    rules: { 'no-void': ['error', { allowAsStatement: true }] }
  }
]
