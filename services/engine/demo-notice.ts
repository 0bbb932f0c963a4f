import { PRESETS } from '../../models/presets.ts'

/** Said wherever the embedded model is at work, so that nobody takes its answers for those of a real one. */
export const DEMO_NOTICE = 'This is a tiny demonstration model: it knows simple shapes, colours, numbers and words in drawn pictures, nothing else. ' +
  `Run a real one with MODEL=${Object.keys(
    PRESETS
  )[1]} (or ${Object.keys(PRESETS).filter((_, i) => i !== 1).join(', ')}, a path, or hf:owner/repo:quant).`
