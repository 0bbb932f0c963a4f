import { openFilesOf, residentOf } from '../lib/proc.ts'
import type { Service } from '../service.ts'
import { mean, slopeOf, type DataPoint, type Slope } from '../slopes.ts'

const MB = 1e6

/** Requests until all sockets and listeners have been created once. */
const WARM_UP = 300
/** Requests until all code is compiled and all caches are full. */
const HEAP_WARM_UP = 1500
/**
 * The allocator keeps freed memory for each thread. Resident memory grows for some thousands of images, until every
 * thread has enough.
 */
const RESIDENT_WARM_UP = 3000

/**
 * Measures of an idle service, each with the number of first requests to ignore and the allowed growth per 1000
 * requests.
 */
export const MEASURES = {
  'service: heap, MB': { warmUp: HEAP_WARM_UP, limit: 0.5 },
  'service: buffers outside it, MB': { warmUp: HEAP_WARM_UP, limit: 0.5 },
  'service: resident, MB': { warmUp: RESIDENT_WARM_UP, limit: 20 },
  'service: open files': { warmUp: WARM_UP, limit: 0.5 },
  'service: handles': { warmUp: WARM_UP, limit: 0.5 },
  'service: listeners': { warmUp: WARM_UP, limit: 0.5 },
  'engine: resident, MB': { warmUp: RESIDENT_WARM_UP, limit: 10 },
  'engine: open files': { warmUp: WARM_UP, limit: 0.5 }
}
export type Measure = keyof typeof MEASURES

export interface Growth {
  measure: Measure
  /** Values of the longest life: its first point, the means of its eighths, and its last point. */
  course: number[]
  /** Growth per 1000 requests, or null if there are too few points. */
  slope: Slope | null
  /** First requests of a process, which do not count. */
  warmUp: number
  limit: number
  /** Whether the slope is significantly above the limit. */
  grows: boolean
}

/** A slope over fewer requests after the warm-up means nothing. */
const MIN_REQUESTS = 1000
/** A slope counts as growth if it is above its limit by this many standard errors. */
const CERTAINTY = 3

/** Number of means in a course. */
const PARTS = 8

function courseOf (points: readonly DataPoint[]): number[] {
  const lives = [...new Set(points.map(({ life }) => life))].map(life =>
    points.filter(point => point.life === life).map(({ y }) => y))
  const longest = lives.reduce((one, other) => other.length > one.length ? other : one, [])
  const part = Math.ceil(longest.length / PARTS)
  const means = Array
    .from({ length: PARTS }, (_, i) => longest.slice(i * part, (i + 1) * part))
    .filter(values => values.length > 0)
    .map(mean)
  return longest.length === 0 ? [] : [longest[0]!, ...means, longest.at(-1)!]
}

/** Measures of the service's processes during a run. */
export class GrowthBook {
  readonly #points = new Map<Measure, DataPoint[]>()

  /**
   * Takes all measures after a garbage collection. No request may be running.
   * @param requests number of requests so far
   */
  async measure (service: Service, requests: number): Promise<void> {
    const { pid } = service
    const engine = service.enginePid()
    if (pid === null) return
    const inside = await service.inside()
    const x = requests / 1000
    this.#add('service: heap, MB', pid, x, inside.heap / MB)
    this.#add('service: buffers outside it, MB', pid, x, inside.external / MB)
    this.#add('service: resident, MB', pid, x, (residentOf(pid) ?? NaN) / MB)
    this.#add('service: open files', pid, x, openFilesOf(pid) ?? NaN)
    this.#add('service: handles', pid, x, inside.handles)
    this.#add('service: listeners', pid, x, inside.listeners)
    if (engine === null) return
    this.#add('engine: resident, MB', engine, x, (residentOf(engine) ?? NaN) / MB)
    this.#add('engine: open files', engine, x, openFilesOf(engine) ?? NaN)
  }

  growths (): Growth[] {
    return (Object.keys(MEASURES) as Measure[]).map(measure => {
      const all = this.#points.get(measure) ?? []
      const begun = new Map<string, number>()
      for (const { life, x } of all) if (!begun.has(life)) begun.set(life, x)
      const { warmUp, limit } = MEASURES[measure]
      const slope = slopeOf(all.filter(({ life, x }) => x - begun.get(life)! >= warmUp / 1000))
      const grows =
        slope !== null && slope.span >= MIN_REQUESTS / 1000 && slope.slope - CERTAINTY * slope.standardError > limit
      return { measure, course: courseOf(all), slope, warmUp, limit, grows }
    })
  }

  #add (measure: Measure, pid: number, x: number, y: number): void {
    // The process has just ended.
    if (Number.isNaN(y)) return
    const points = this.#points.get(measure) ?? []
    points.push({ life: String(pid), x, y })
    this.#points.set(measure, points)
  }
}
