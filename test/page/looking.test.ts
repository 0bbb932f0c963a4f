import { testPages } from './start.ts'

await testPages('harness', 'samples', 'appearance', 'answers', 'boxes', 'lightbox', 'settings', 'key')
