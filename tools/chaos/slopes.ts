export interface DataPoint {
  /** Id of a process. Points of different processes are not compared. */
  life: string
  /** Number of requests so far. */
  x: number
  y: number
}

export interface Slope {
  points: number
  /** Range of `x`, summed over all lives. */
  span: number
  /** Growth of `y` per unit of `x`. */
  slope: number
  /** Standard error of the slope. */
  standardError: number
}

/**
 * Fits a common slope with an intercept for each life by least squares: a restarted process begins at another level,
 * but leaks at the same rate.
 * @returns null if there are too few points
 */
export function slopeOf (points: readonly DataPoint[]): Slope | null {
  const lives = [...new Set(points.map(point => point.life))].map(life => points.filter(point => point.life === life))
  const centred = lives.flatMap(life => {
    const [x, y] = [mean(life.map(it => it.x)), mean(life.map(it => it.y))]
    return life.map(it => ({ x: it.x - x, y: it.y - y }))
  })
  const freedom = centred.length - lives.length - 1
  const spread = sum(centred.map(({ x }) => x * x))
  if (freedom < 1 || spread === 0) return null
  const slope = sum(centred.map(({ x, y }) => x * y)) / spread
  const rest = sum(centred.map(({ x, y }) => (y - slope * x) ** 2))
  return {
    points: points.length, span: sum(lives.map(rangeOf)), slope, standardError: Math.sqrt(rest / freedom / spread)
  }
}

function rangeOf (points: readonly DataPoint[]): number {
  const all = points.map(({ x }) => x)
  return Math.max(...all) - Math.min(...all)
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

export function mean (values: readonly number[]): number {
  return sum(values) / values.length
}
