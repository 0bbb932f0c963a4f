import { testPages } from './start.ts'

await testPages('samples', 'heic')
