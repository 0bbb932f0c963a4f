// A child that ends an aborted request at once but never releases it.
const info = {
  model: 'scripted',
  architecture: '',
  demo: false,
  device: 'cpu',
  contextSize: 512,
  slots: 1,
  plan: null,
  vision: null,
  tools: null,
  temperature: 0
}

process.on('message', ({ type, id }) => {
  if (type === 'load') process.send([{ type: 'loaded', info }])
  if (type === 'abort') process.send([{ type: 'failed', id, error: { code: 'ABORTED', args: [] } }])
  if (type === 'close') process.exit(0)
})
process.on('disconnect', () => process.exit(0))
