import type { LogLine } from '../service.ts'
import type { Windows } from './windows.ts'

const WARN = 40
const ERROR = 50
const LATE_REJECTION = /reject|exception|warning|error/i

/**
 * What a line of the service's log says against it; null when nothing.
 * @param windows a fault that is on explains some errors
 */
export function complaintOf (line: LogLine, windows: Windows): string | null {
  const { level, msg, engine, err } = line as LogLine & { err?: { code?: string, message?: string, stack?: string } }
  if (level < WARN) return null
  if (level < ERROR) return engine !== undefined && LATE_REJECTION.test(msg) ? `the engine says: ${msg}` : null
  if (msg === 'engine process ended, restarting' && windows.isOn('engine-kill', 'service-kill', 'service-term')) {
    return null
  }
  if (err?.code === 'STORAGE' && windows.isOn('disk-full')) return null
  return `the log says: ${msg}${err
    ? `: ${err.stack ?? err.message}`
    : ` ${JSON.stringify({ ...line, msg: undefined })}`}`
}
