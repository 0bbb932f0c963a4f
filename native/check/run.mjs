// Looks for memory faults and data races in the bridge. Needs Linux with GCC.
//
//   npm run check:native
//   npm run check:native -- IMAGES
import { checkAddresses } from './address.mjs'
import { checkThreads } from './threads.mjs'

const images = process.argv[2] ?? '1000'
const results = [await checkAddresses(images), checkThreads(images)]
process.exit(results.every(Boolean) ? 0 : 1)
