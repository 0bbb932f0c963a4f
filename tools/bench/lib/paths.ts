import path from 'node:path'
import { ROOT } from '../../../config/root.ts'

/** Folder for everything that benchmarks build, install and write. Git ignores it. */
export const BUILD_DIR = path.join(ROOT, 'tools/bench/build')
export const MODELS_DIR = path.join(BUILD_DIR, 'models')
export const RESULTS_DIR = path.join(ROOT, 'tools/bench/results')
