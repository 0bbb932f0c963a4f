import { testPages } from './start.ts'

await testPages('harness', 'appearance', 'answers')
