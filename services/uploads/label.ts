const MAX_NAME = 60

/**
 * Returns the label of an uploaded image in errors and logs: its place in the request and its file name. The name is
 * shortened and cleared of control and direction characters. It is used for nothing else.
 * @param field e.g. `images[1]`
 * @example
 * labelOf('images[1]', 'cat.jpg') // images[1] ("cat.jpg")
 */
export function labelOf (field: string, filename?: string): string {
  const name = nameOf(filename)
  return name === '' ? field : `${field} ("${name}")`
}

/** Returns a file name, shortened and cleared of control and direction characters. */
export function nameOf (filename = ''): string {
  const name = filename.replace(/[\p{C}\p{Z}]+/gu, ' ').replaceAll('"', '\'').trim()
  return [...name].length > MAX_NAME ? `${[...name].slice(0, MAX_NAME - 1).join('')}…` : name
}
