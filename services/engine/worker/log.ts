export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Logs through the parent process: a constant phrase, or a line of llama.cpp, and the fields of the log line. */
export type WorkerLog = (level: LogLevel, message: string, details?: object) => void
