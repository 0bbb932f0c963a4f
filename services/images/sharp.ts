import sharp from 'sharp'

// Each image is read only once. libvips' cache would keep memory and open files of folders that are removed.
sharp.cache(false)

// Each pipeline uses one thread, because the preparer runs several in parallel, and the model needs the other cores.
sharp.concurrency(1)

/** The libvips loaders of the accepted formats. The JPEG loader also reads Ultra HDR JPEGs. */
const LOADERS = [
  'VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadHeif', 'VipsForeignLoadNsgif',
  'VipsForeignLoadTiff'
]

/**
 * Blocks all loaders of libvips except those of the accepted formats, for the rest of the process. `inspectImage`
 * already refuses other formats by their first bytes. This is a second barrier: if libvips detects another format, it
 * has no loader for SVG, text or its own format.
 */
export function blockOtherLoaders (): void {
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: LOADERS })
}

export default sharp
