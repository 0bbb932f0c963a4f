import { be16, be32, join, repeated } from '../../lib/bytes.ts'
import { box, sized } from '../../lib/iso-boxes.ts'

/** The most items that the service reads. */
const ITEMS = 1000
/** Units in one item. The service reads 5000. */
const PIECES = 4990
/** An AV1 temporal delimiter, which has no content. */
const PIECE = Buffer.from([0x12, 0])

/** An AVIF of 28 KB with a thousand items that share the same thousands of empty units. */
export function tangledAvif (): Buffer {
  const ids = Array.from({ length: ITEMS }, (_, index) => index + 1)
  const type = box('ftyp', join('avif', be32(0), 'avifmif1miaf'))
  const pixels = box('mdat', repeated(PIECE, PIECES))
  const place = be32(type.length + 8, pixels.length - 8)
  const locations = box('iloc', join(be32(0), 0x44, 0, be16(ITEMS), ...ids.map(id => join(be16(id, 0, 1), place))))
  const properties = box('iprp', join(
    box('ipco', sized(64, 64)),
    box('ipma', join(be32(0), be32(ITEMS), ...ids.map(id => join(be16(id), 1, 1))))
  ))
  return join(type, pixels, box('meta', join(be32(0), locations, properties)))
}
