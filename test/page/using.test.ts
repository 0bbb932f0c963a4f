import { testPages } from './start.ts'

await testPages('asking', 'trouble', 'conversations')
