import { hostileAvifs } from './avif.ts'
import { hostileGifs } from './gif.ts'
import type { HostilePicture } from './hostile-picture.ts'
import { hostileJpegs } from './jpeg.ts'
import { hostilePngs } from './png.ts'
import { strangers } from './strangers.ts'
import { hostileTiffs } from './tiff.ts'
import { hostileWebps } from './webp.ts'

/** Everything that was thought of to send in place of a good picture, made anew each time and always the same. */
export async function hostilePictures (): Promise<HostilePicture[]> {
  const kinds = await Promise.all([hostilePngs(), hostileJpegs(), hostileGifs(), hostileWebps(), hostileTiffs(), hostileAvifs(), strangers()])
  return kinds.flat()
}
