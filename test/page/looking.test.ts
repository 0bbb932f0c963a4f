import { testPages } from './start.ts'

await testPages('harness', 'samples', 'heic', 'appearance', 'answers', 'boxes', 'lightbox', 'settings', 'key')
