const MAX_NAME = 60

/**
 * How sentences and logs name an uploaded image: its place in the request and, shortened and without control or
 * direction characters, the name that the client gave it. The name is never used for anything else.
 * @param field e.g. `images[1]`
 */
export function labelOf (field: string, filename?: string): string {
  const name = (filename ?? '').replace(/[\p{C}\p{Z}]+/gu, ' ').replaceAll('"', '\'').trim()
  const short = [...name].length > MAX_NAME ? `${[...name].slice(0, MAX_NAME - 1).join('')}…` : name
  return short === '' ? field : `${field} ("${short}")`
}
