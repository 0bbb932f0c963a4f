import sharp from 'sharp'

// Every image is read once, so libvips' cache of operations and open files would only hold memory and descriptors of
// folders that are gone.
sharp.cache(false)

// One thread a pipeline: the Preparer runs several side by side, and together with the threads of the model they must
// not be more than there are cores.
sharp.concurrency(1)

/** What libvips calls the loaders of the kinds that are accepted. Ultra HDR JPEGs are read by that of JPEG. */
const LOADERS = [
  'VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadHeif', 'VipsForeignLoadNsgif',
  'VipsForeignLoadTiff'
]

/**
 * Leaves libvips no loaders but those of the kinds that are accepted, for this process and from now on. Files are known by their first bytes
 * before libvips sees them; should one be taken for something else there, no reader of SVG, of text or of its own format is at hand.
 */
export function blockOtherLoaders (): void {
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: LOADERS })
}

export default sharp
