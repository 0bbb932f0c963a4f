import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import path from 'node:path'

// PDFium finds fonts like programs on Linux: it lists a folder and reads its files. WebAssembly sees no files of the
// host. This folder shows it one font for Chinese, Japanese and Korean text, by answering the system calls for it.

/** Where PDFium looks. */
const FOLDER = '/usr/share/fonts'
/** Folders of the host that contain fonts. */
const HOST_FOLDERS = [
  '/usr/share/fonts', '/usr/local/share/fonts', '/System/Library/Fonts', '/Library/Fonts', 'C:\\Windows\\Fonts'
]
/** Fonts with Chinese, Japanese and Korean characters, by their usual paths. Small ones come first. */
const FONTS = [
  'truetype/wqy/wqy-microhei.ttc', 'wqy-microhei/wqy-microhei.ttc', 'opentype/noto/NotoSansCJK-Regular.ttc',
  'noto-cjk/NotoSansCJK-Regular.ttc', 'google-noto-cjk/NotoSansCJK-Regular.ttc',
  'google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc', 'Arial Unicode.ttf'
]

/** Returns the path of a font for Chinese, Japanese and Korean text on this machine, otherwise null. */
export function findCjkFont (folders = HOST_FOLDERS): string | null {
  const files = folders.flatMap(folder => FONTS.map(font => path.join(folder, font)))
  return files.find(file => existsSync(file)) ?? null
}

type Call = (...values: never[]) => number
/** The functions that a WebAssembly program imports, by module and name. */
export type Imports = Record<string, Record<string, Call>>

/** Linux's numbers, as Emscripten uses them. */
const NO_ENTRY = -44
const MODE_FOLDER = 0o040555
const MODE_FILE = 0o100444
const TYPE_FILE = 8
const STAT_BYTES = 96
const ENTRY_BYTES = 280
const [FROM_START, FROM_CURRENT] = [0, 1]
/** File descriptors of the folder and of the font. Those of Emscripten are small. */
const FOLDER_FD = 100_000

interface OpenFile { position: number }

/**
 * Shows the folder to a program of Emscripten. Calls for other files pass through. The file of the host is open as long
 * as this process runs, which is shared by all programs.
 * @param memory returns the memory of the program, once it has started
 */
export function withFontFolder (imports: Imports, font: string, memory: () => ArrayBuffer): Imports {
  const host = hostFile(font)
  const name = `font${path.extname(font)}`
  const open = new Map<number, OpenFile>()
  let last = FOLDER_FD
  const view = () => new DataView(memory())
  const env = imports.env!
  const wasi = imports.wasi_snapshot_preview1!
  const pass = (call: Call | undefined, values: unknown[]) => call!(...values as never[])

  function pathAt (pointer: number): string {
    const bytes = new Uint8Array(memory(), pointer)
    return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString()
  }

  /** The size of a file of the folder; -1 for the folder itself; null for anything else. */
  function sizeOf (pointer: number): number | null {
    const file = pathAt(pointer).replace(/\/+$/, '')
    return file === FOLDER ? -1 : file === `${FOLDER}/${name}` ? host.size : null
  }

  function writeStat (at: number, size: number): number {
    new Uint8Array(memory(), at, STAT_BYTES).fill(0)
    view().setInt32(at + 4, size < 0 ? MODE_FOLDER : MODE_FILE, true)
    view().setBigInt64(at + 24, BigInt(Math.max(size, 0)), true)
    return 0
  }

  function statPath (call: Call | undefined, pathPointer: number, at: number, values: unknown[]): number {
    const size = sizeOf(pathPointer)
    return size === null ? pass(call, values) : writeStat(at, size)
  }

  function listFolder (folder: OpenFile, at: number): number {
    if (folder.position > 0) return 0
    folder.position = 1
    new Uint8Array(memory(), at, ENTRY_BYTES).fill(0)
    view().setBigInt64(at, 1n, true)
    view().setBigInt64(at + 8, 1n, true)
    view().setInt16(at + 16, ENTRY_BYTES, true)
    view().setInt8(at + 18, TYPE_FILE)
    new Uint8Array(memory(), at + 19).set(Buffer.from(name))
    return ENTRY_BYTES
  }

  function readInto (file: OpenFile, vectors: number, count: number): number {
    let total = 0
    for (let index = 0; index < count; index++) {
      const pointer = view().getUint32(vectors + 8 * index, true)
      const length = view().getUint32(vectors + 8 * index + 4, true)
      const read = readSync(host.fd, new Uint8Array(memory(), pointer, length), 0, length, file.position)
      file.position += read
      total += read
      if (read < length) break
    }
    return total
  }

  return {
    ...imports,
    env: {
      ...env,
      __syscall_openat (folder: number, pathPointer: number, ...rest: number[]) {
        if (sizeOf(pathPointer) === null) {
          const isBelow = pathAt(pathPointer).startsWith(FOLDER)
          return isBelow ? NO_ENTRY : pass(env.__syscall_openat, [folder, pathPointer, ...rest])
        }
        open.set(++last, { position: 0 })
        return last
      },
      __syscall_getdents64: (fd: number, at: number, bytes: number) =>
        open.has(fd) ? listFolder(open.get(fd)!, at) : pass(env.__syscall_getdents64, [fd, at, bytes]),
      __syscall_fstat64: (fd: number, at: number) =>
        open.has(fd) ? writeStat(at, host.size) : pass(env.__syscall_fstat64, [fd, at]),
      __syscall_stat64: (pathPointer: number, at: number) =>
        statPath(env.__syscall_stat64, pathPointer, at, [pathPointer, at]),
      __syscall_lstat64: (pathPointer: number, at: number) =>
        statPath(env.__syscall_lstat64, pathPointer, at, [pathPointer, at]),
      __syscall_newfstatat: (folder: number, pathPointer: number, at: number, flags: number) =>
        statPath(env.__syscall_newfstatat, pathPointer, at, [folder, pathPointer, at, flags]),
      __syscall_fcntl64: (fd: number, ...rest: number[]) =>
        open.has(fd) ? 0 : pass(env.__syscall_fcntl64, [fd, ...rest])
    } as unknown as Imports[string],
    wasi_snapshot_preview1: {
      ...wasi,
      fd_read (fd: number, vectors: number, count: number, result: number) {
        const file = open.get(fd)
        if (!file) return pass(wasi.fd_read, [fd, vectors, count, result])
        view().setUint32(result, readInto(file, vectors, count), true)
        return 0
      },
      fd_seek (fd: number, offset: bigint, whence: number, result: number) {
        const file = open.get(fd)
        if (!file) return pass(wasi.fd_seek, [fd, offset, whence, result])
        const from = whence === FROM_START ? 0 : whence === FROM_CURRENT ? file.position : host.size
        file.position = from + Number(offset)
        view().setBigInt64(result, BigInt(file.position), true)
        return 0
      },
      fd_close: (fd: number) => open.delete(fd) ? 0 : pass(wasi.fd_close, [fd])
    } as unknown as Imports[string]
  }
}

/** The open file of the font, opened once. */
let opened: { font: string, fd: number, size: number } | null = null
function hostFile (font: string): { fd: number, size: number } {
  if (opened?.font === font) return opened
  if (opened) closeSync(opened.fd)
  const fd = openSync(font, 'r')
  opened = { font, fd, size: fstatSync(fd).size }
  return opened
}
