import type { Log } from '../log.ts'

const BAR_WIDTH = 30

export interface DownloadProgress { file: string, done: number, total: number }

/** Creates a reporter for downloads: a progress bar on a terminal, otherwise a log line for every 10 %. */
export function createDownloadReporter (
  log: Log, terminal: NodeJS.WriteStream = process.stderr
): (progress: DownloadProgress) => void {
  return terminal.isTTY ? drawBar(terminal) : logTenths(log)
}

function drawBar (terminal: NodeJS.WriteStream) {
  return ({ file, done, total }: DownloadProgress) => {
    const share = done / Math.max(total, 1)
    const filled = Math.round(share * BAR_WIDTH)
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled)
    terminal.write(
      `\r${bar} ${Math.floor(share * 100)} % of ${megabytes(total)} MB  ${file}${done === total ? '\n' : ''}`
    )
  }
}

function logTenths (log: Log) {
  const reported = new Map<string, number>()
  return ({ file, done, total }: DownloadProgress) => {
    const tenth = Math.floor(10 * done / Math.max(total, 1))
    if (reported.get(file) === tenth) return
    reported.set(file, tenth)
    log.info(
      { file, percent: tenth * 10, megabytes: megabytes(done), ofMegabytes: megabytes(total) }, 'downloading model'
    )
  }
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6)
