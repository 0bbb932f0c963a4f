import { hostileAvifs } from './avif.ts'
import { hostileGifs } from './gif.ts'
import { hostileHeics } from './heic.ts'
import type { HostileImage } from './hostile-image.ts'
import { hostileJpegs } from './jpeg.ts'
import { hostilePngs } from './png.ts'
import { strangers } from './strangers.ts'
import { hostileTiffs } from './tiff.ts'
import { hostileWebps } from './webp.ts'

/** Returns all hostile and unusual files. They are generated, and equal in each run. */
export async function hostileImages (): Promise<HostileImage[]> {
  const kinds = await Promise.all([
    hostilePngs(), hostileJpegs(), hostileGifs(), hostileWebps(), hostileTiffs(), hostileAvifs(),
    hostileHeics(), strangers()
  ])
  return kinds.flat()
}
