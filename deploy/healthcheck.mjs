// Used by HEALTHCHECK. The exit code is 0 while the service is ready. PORT has the same default as in the service.
const { PORT = '5000' } = process.env
const response =
  await fetch(`http://127.0.0.1:${PORT}/health/ready`, { signal: AbortSignal.timeout(4_000) }).catch(() => null)
process.exit(response?.ok ? 0 : 1)
