import { aborts } from './aborts.ts'
import { anticipation } from './anticipation.ts'
import { eventLoop } from './event-loop.ts'
import { firstToken } from './first-token.ts'
import { jsonImages } from './json-images.ts'
import { jsonUplink } from './json-uplink.ts'
import { memory } from './memory.ts'
import { overhead } from './overhead.ts'
import { preparation } from './preparation.ts'
import { preparationMemory } from './preparation-memory.ts'
import { refusals } from './refusals.ts'
import { repeatedImage } from './repeated-image.ts'
import type { Scenario } from './scenario.ts'
import { sideBySide } from './side-by-side.ts'
import { throughput } from './throughput.ts'
import { tokenGaps } from './token-gaps.ts'

/** Scenarios by their names for `--scenario`. */
export const SCENARIOS: Record<string, Scenario> = {
  'first-token': firstToken,
  'repeated-picture': repeatedImage,
  'token-gaps': tokenGaps,
  aborts,
  anticipation,
  throughput,
  refusals,
  preparation,
  'preparation-memory': preparationMemory,
  memory,
  overhead,
  'event-loop': eventLoop,
  'side-by-side': sideBySide,
  'json-images': jsonImages,
  'json-uplink': jsonUplink
}
