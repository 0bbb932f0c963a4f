import sharp from 'sharp'

// Every picture is read once, so libvips' cache of operations and open files would only hold memory and descriptors of
// folders that are gone.
sharp.cache(false)

// One thread a pipeline: the Preparer runs several side by side, and together with the threads of the model they must
// not be more than there are cores.
sharp.concurrency(1)

export default sharp
