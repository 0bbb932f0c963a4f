import os from 'node:os'

/** What a result depends on, without anything that names the machine or its owner. */
export function describeMachine (): string {
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown CPU'
  const memory = Math.round(os.totalmem() / 2 ** 30)
  return `${cpu}, ${os.availableParallelism()} cores, ${memory} GiB, ${os.platform()} ${os.arch()}, Node ${process.version}`
}
