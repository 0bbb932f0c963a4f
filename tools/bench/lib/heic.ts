import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/**
 * Encodes a HEIC with heif-enc (Debian: libheif-examples), because sharp has no encoder.
 * @param image a JPEG or PNG
 * @returns null if heif-enc is not installed
 */
export function encodeHeic (image: Buffer): Buffer | null {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-heic-'))
  const [source, target] = [path.join(dir, 'image.jpg'), path.join(dir, 'image.heic')]
  try {
    writeFileSync(source, image)
    // A fast preset makes the file larger. Decoding takes about as long.
    execFileSync('heif-enc', ['-q', '70', '-p', 'preset=ultrafast', source, '-o', target], { stdio: 'ignore' })
    return readFileSync(target)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  } finally {
    rmSync(dir, { recursive: true })
  }
}
