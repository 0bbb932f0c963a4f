import { testPages } from './start.ts'

await testPages('boxes', 'lightbox', 'settings', 'key')
