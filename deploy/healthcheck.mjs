// For HEALTHCHECK: exit code 0 while the service can answer. PORT as the service takes it.
const { PORT = '5000' } = process.env
const response = await fetch(`http://127.0.0.1:${PORT}/health/ready`, { signal: AbortSignal.timeout(4_000) }).catch(() => null)
process.exit(response?.ok ? 0 : 1)
