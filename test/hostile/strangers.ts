import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { be16, be32, join, le16, le32 } from '../../tools/lib/bytes.ts'
import { toImages, type HostileImage } from './hostile-image.ts'

/** Creates the first box of the container that AVIF, HEIC and MP4 share. */
const ftyp = (...brands: string[]) =>
  join(be32(16 + 4 * (brands.length - 1)), 'ftyp', brands[0]!, be32(0), ...brands.slice(1), Buffer.alloc(300))

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="70">'

/** Returns files that are not of the accepted formats. libvips could read several of them. */
export async function strangers (): Promise<HostileImage[]> {
  const png = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } }).png().toBuffer()
  const bmp = join('BM', le32(70), Buffer.alloc(4), le32(54, 40, 1, 1), le16(1, 24), Buffer.alloc(30))

  return toImages('stranger', [
    ['an SVG', join(SVG, '</svg>'), 'UNSUPPORTED_IMAGE'],
    [
      'an SVG that reads a file', join(SVG, '<image xlink:href="file:///etc/passwd" width="9" height="9"/></svg>'),
      'UNSUPPORTED_IMAGE'
    ],
    [
      'an SVG that fetches a URL', join(SVG, '<image xlink:href="http://127.0.0.1:1/"/><script>fetch("/")</script></svg>'),
      'UNSUPPORTED_IMAGE'
    ],
    ['an SVG with an entity bomb', join(
      '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">',
      ...Array.from({ length: 9 }, (_, i) => `<!ENTITY ${'bcdefghij'[i]} "${`&${'abcdefghi'[i]};`.repeat(10)}">`),
      `]>${SVG}<text>&j;</text></svg>`
    ), 'UNSUPPORTED_IMAGE'],
    [
      'an SVG of 60000 x 60000',
      join('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="60000" height="60000"/>'),
      'UNSUPPORTED_IMAGE'
    ],
    ['an SVG in UTF-16', Buffer.from(`\ufeff${SVG}</svg>`, 'utf16le'), 'UNSUPPORTED_IMAGE'],
    ['a compressed SVG', gzipSync(`${SVG}</svg>`), 'UNSUPPORTED_IMAGE'],
    ['an HTML page', join('<!doctype html><img src=x onerror=alert(1)>'), 'UNSUPPORTED_IMAGE'],
    ['PostScript', join('%!PS-Adobe-3.0\n(id) file'), 'UNSUPPORTED_IMAGE'],
    [
      'a script for ImageMagick',
      join('push graphic-context\nviewbox 0 0 640 480\nfill \'url(https://127.0.0.1/"|id")\'\n'), 'UNSUPPORTED_IMAGE'
    ],
    ['MP4', ftyp('isom', 'iso2', 'mp41'), 'UNSUPPORTED_IMAGE'],
    ['MP4 that calls itself AVIF as well', ftyp('isom', 'avif'), 'CORRUPT_IMAGE'],
    ['HEVC that calls itself AVIF', ftyp('avif', 'heic'), 'CORRUPT_IMAGE'],
    ['JPEG XL', join(0xff, 0x0a, Buffer.alloc(90)), 'UNSUPPORTED_IMAGE'],
    ['JPEG XL in a container', join(be32(12), 'JXL \r\n\x87\n', Buffer.alloc(90)), 'UNSUPPORTED_IMAGE'],
    ['JPEG 2000', join(be32(12), 'jP  \r\n\x87\n', Buffer.alloc(90)), 'UNSUPPORTED_IMAGE'],
    ['BMP', bmp, 'UNSUPPORTED_IMAGE'],
    ['an icon', join(le16(0, 1, 1), 16, 16, Buffer.alloc(90)), 'UNSUPPORTED_IMAGE'],
    ['a Photoshop document', join('8BPS', be16(1), Buffer.alloc(90)), 'UNSUPPORTED_IMAGE'],
    ['a portable pixmap of 100000 x 100000', join('P6\n100000 100000\n255\n', Buffer.alloc(90)), 'UNSUPPORTED_IMAGE'],
    ['FITS', join('SIMPLE  =                    T', Buffer.alloc(2880, ' ')), 'UNSUPPORTED_IMAGE'],
    ['Radiance', join('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n', Buffer.alloc(400)), 'UNSUPPORTED_IMAGE'],
    ['OpenEXR', join(0x76, 0x2f, 0x31, 0x01, Buffer.alloc(90)), 'UNSUPPORTED_IMAGE'],
    ['libvips\' own format', join(0x08, 0xf2, 0xa6, 0xb6, Buffer.alloc(90)), 'UNSUPPORTED_IMAGE'],
    ['a table that libvips would read as a matrix', join('3 3\n1 2 3\n4 5 6\n7 8 9\n'), 'UNSUPPORTED_IMAGE'],
    ['a ZIP archive that contains a PNG', join('PK\x03\x04', Buffer.alloc(26), png), 'UNSUPPORTED_IMAGE'],
    ['an archive', gzipSync(png), 'UNSUPPORTED_IMAGE'],
    ['a program', join('\x7fELF\x02\x01\x01', Buffer.alloc(500)), 'UNSUPPORTED_IMAGE'],
    ['a shell script', join('#!/bin/sh\nrm -rf /\n'), 'UNSUPPORTED_IMAGE'],
    ['a PNG after a line of text', join('hello\n', png), 'UNSUPPORTED_IMAGE'],
    ['a PNG without its first byte', png.subarray(1), 'UNSUPPORTED_IMAGE'],
    [
      'a PNG that was transferred as text', Buffer.from(png.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
      'UNSUPPORTED_IMAGE'
    ],
    ['a data URI instead of bytes', join(`data:image/png;base64,${png.toString('base64')}`), 'UNSUPPORTED_IMAGE'],
    ['zeros', Buffer.alloc(5000), 'UNSUPPORTED_IMAGE'],
    ['one byte', Buffer.from([0xff]), 'UNSUPPORTED_IMAGE'],
    ['an empty file', Buffer.alloc(0), 'EMPTY_FILE']
  ])
}
