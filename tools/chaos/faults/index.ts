import { diskFull } from './disk.ts'
import { engineKill, engineStop } from './engine.ts'
import type { Fault } from './fault.ts'
import { serviceKill, serviceTerm } from './service.ts'

export const FAULTS: Record<string, Fault> =
  Object.fromEntries([engineKill, engineStop, diskFull, serviceKill, serviceTerm].map(fault => [fault.name, fault]))
