import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist/', 'native/build/', 'native/check/build/', 'bench/build/', '.tap/', 'uploads/'] }),
  {
    // `void promise` says that nobody waits for it.
    rules: { 'no-void': ['error', { allowAsStatement: true }] }
  }
]
