import { EnvironmentSchema } from '../config/config.ts'
import { distanceOf } from './edit-distance.ts'

const SETTINGS = Object.keys(EnvironmentSchema.properties)
/** Names up to this length tolerate one wrong letter, longer ones two. */
const SHORT = 8
/** Variables that exist on many machines and are near a setting: HOST, MODEL, PORT. */
const OTHERS = new Set(['MODE', 'HOSTS', 'POST', 'PORTS'])

/** A variable that is no setting but is probably meant to be one. */
export interface MisspeltSetting { name: string, meant: string }

/**
 * Finds variables whose names are near those of settings that are not set themselves.
 * @example
 * findMisspelt({ MAX_IMAGE: '4', LOGLEVEL: 'debug' })
 * // [{ name: 'MAX_IMAGE', meant: 'MAX_IMAGES' }, { name: 'LOGLEVEL', meant: 'LOG_LEVEL' }]
 */
export function findMisspelt (env: Readonly<Record<string, string | undefined>>): MisspeltSetting[] {
  const unset = SETTINGS.filter(setting => env[setting] === undefined)
  return Object.keys(env).filter(name => !SETTINGS.includes(name) && !OTHERS.has(name)).flatMap(name => {
    const meant = nearest(name, unset)
    return meant === null ? [] : [{ name, meant }]
  })
}

function nearest (name: string, settings: string[]): string | null {
  const plain = toPlain(name)
  const same = settings.find(setting => toPlain(setting) === plain)
  if (same !== undefined) return same
  const tolerated = plain.length <= SHORT ? 1 : 2
  const near = settings.map(setting => ({ setting, distance: distanceOf(plain, toPlain(setting)) }))
    .filter(({ distance }) => distance <= tolerated).sort((a, b) => a.distance - b.distance)
  return near[0]?.setting ?? null
}

/** Case and separators do not count. */
const toPlain = (name: string) => name.toUpperCase().replace(/[^A-Z0-9]/g, '')
