/** A measure at one moment. */
export interface Point {
  /** Points of different lives of a process are not compared with each other. */
  life: string
  /** Requests so far. */
  x: number
  y: number
}

export interface Slope {
  points: number
  /** How far `x` went, over all lives. */
  span: number
  /** By how much `y` grows for each `x`. */
  slope: number
  /** Of the slope. */
  standardError: number
}

/**
 * Least squares with a slope for all lives together and an intercept for each: a process that was started again begins anew, but leaks as before.
 * @returns null where there are too few points to tell
 */
export function slopeOf (points: readonly Point[]): Slope | null {
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

function rangeOf (points: readonly Point[]): number {
  const all = points.map(({ x }) => x)
  return Math.max(...all) - Math.min(...all)
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

export function mean (values: readonly number[]): number {
  return sum(values) / values.length
}
