import { aborted } from './aborted.ts'
import { costly } from './costly.ts'
import { documents } from './documents.ts'
import { good } from './good.ts'
import { history } from './history.ts'
import { huge } from './huge.ts'
import { jsonImages } from './json-images.ts'
import type { Kind } from './kind.ts'
import { looking } from './looking.ts'
import { malformed } from './malformed.ts'
import { repeated } from './repeated.ts'
import { slow } from './slow.ts'
import { schemas } from './schemas.ts'

export const KINDS: readonly Kind[] = [
  ...good, ...documents, ...history, ...malformed, ...huge, ...costly, ...jsonImages, ...schemas, ...slow, ...aborted,
  ...repeated, ...looking
]
