// Looks for memory faults and races in the bridge: `npm run check:native`, or `npm run check:native -- PICTURES`. Linux with GCC.
import { checkAddresses } from './address.mjs'
import { checkThreads } from './threads.mjs'

const images = process.argv[2] ?? '1000'
const results = [await checkAddresses(images), checkThreads(images)]
process.exit(results.every(Boolean) ? 0 : 1)
