import { lazy } from './lazy.ts'

/** What sets formulas, once it is loaded. */
export const typesetter = lazy(() => import('./typesetter.ts'))
