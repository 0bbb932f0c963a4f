import type { LogLine } from '../service.ts'
import type { Windows } from './windows.ts'

const WARN = 40
const ERROR = 50
const LATE_REJECTION = /reject|exception|warning|error/i

/**
 * Finds errors and suspicious warnings in the service's log.
 * @param windows faults, which explain some errors
 * @returns a violation, or null
 */
export function complaintOf (line: LogLine, windows: Windows): string | null {
  const { level, msg, engine, err } = line as LogLine & { err?: { code?: string, message?: string, stack?: string } }
  if (level < WARN) return null
  if (level < ERROR) return engine !== undefined && LATE_REJECTION.test(msg) ? `the engine logged: ${msg}` : null
  if (msg === 'engine process ended, restarting' && windows.isOn('engine-kill', 'service-kill', 'service-term')) {
    return null
  }
  if (err?.code === 'STORAGE' && windows.isOn('disk-full')) return null
  const details = err ? `: ${err.stack ?? err.message}` : ` ${JSON.stringify({ ...line, msg: undefined })}`
  return `the service logged: ${msg}${details}`
}
