import { PRESETS } from '../../models/presets.ts'

const [, recommended, ...others] = Object.keys(PRESETS)

/** Shown with the embedded model, so that users do not mistake its answers for those of a real model. */
export const DEMO_NOTICE =
  'This is a tiny demonstration model: it knows simple shapes, colours, numbers and words in drawn images, ' +
  'nothing else. ' +
  `Run a real one with MODEL=${recommended} (or ${[Object.keys(PRESETS)[0], ...others].join(', ')}, a path, or ` +
  'hf:owner/repo:quant).'
