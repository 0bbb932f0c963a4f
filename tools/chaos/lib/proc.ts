import { readdirSync, readFileSync } from 'node:fs'

/** What /proc tells of a process; Linux only. */

/** Ids of the processes that this one has started and that run. */
export function childrenOf (parent: number): number[] {
  return readdirSync('/proc').filter(entry => /^\d+$/.test(entry)).map(Number).filter(pid => {
    const fields = statOf(pid)
    return fields !== null && Number(fields[1]) === parent && !'ZX'.includes(fields[0]!)
  })
}

/** False for a zombie too: nothing of it will ever run again. */
export function isAlive (pid: number): boolean {
  const state = statOf(pid)?.[0]
  return state !== undefined && !'ZX'.includes(state)
}

/** Resident memory in bytes, null when there is no such process. */
export function residentOf (pid: number): number | null {
  const found = /^VmRSS:\s*(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')
  return found ? Number(found[1]) * 1024 : null
}

/** How many files, sockets and pipes it has open; null when there is no such process. */
export function openFilesOf (pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return null
  }
}

/** From the state on: state, parent, … */
function statOf (pid: number): string[] | null {
  const text = read(`/proc/${pid}/stat`)
  // The name in parentheses may hold blanks and parentheses.
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** Null when the process has ended in the meantime. */
function read (file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
