import os from 'node:os'

/** Describes the machine without anything that identifies it or its owner. */
export function describeMachine (): string {
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown CPU'
  const memory = Math.round(os.totalmem() / 2 ** 30)
  const system = `${os.platform()} ${os.arch()}, Node ${process.version}`
  return `${cpu}, ${os.availableParallelism()} cores, ${memory} GiB, ${system}`
}
