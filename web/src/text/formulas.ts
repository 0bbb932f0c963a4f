import { lazy } from './lazy.ts'

/** The typesetter, loaded on first use. */
export const typesetter = lazy(() => import('./typesetter.ts'))
