import { testPages } from './start.ts'

await testPages('documents')
