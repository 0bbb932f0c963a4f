import { readdirSync, readFileSync } from 'node:fs'

/** Ids of the running children of a process. Linux only, like all functions here. */
export function childrenOf (parent: number): number[] {
  return readdirSync('/proc').filter(entry => /^\d+$/.test(entry)).map(Number).filter(pid => {
    const fields = statOf(pid)
    return fields !== null && Number(fields[1]) === parent && !'ZX'.includes(fields[0]!)
  })
}

/** False for a zombie, too. */
export function isAlive (pid: number): boolean {
  const state = statOf(pid)?.[0]
  return state !== undefined && !'ZX'.includes(state)
}

/** Resident memory in bytes, or null if the process does not exist. */
export function residentOf (pid: number): number | null {
  const found = /^VmRSS:\s*(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')
  return found ? Number(found[1]) * 1024 : null
}

/** Number of open files, sockets and pipes, or null if the process does not exist. */
export function openFilesOf (pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return null
  }
}

/** The fields of `stat` from the state on: state, parent, … */
function statOf (pid: number): string[] | null {
  const text = read(`/proc/${pid}/stat`)
  // The process name in parentheses may contain blanks and parentheses.
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** Null if the process has ended. */
function read (file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
