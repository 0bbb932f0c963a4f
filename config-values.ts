/** A wrong setting; the message is one line for the operator. */
export class ConfigError extends Error {}

/** How much of a wrong value is told. */
const SHOWN_CHARACTERS = 80

// Quoted as JSON so that a line break in the value stays on the one line.
export function wrong (name: string, allowed: string, value: string): ConfigError {
  return new ConfigError(`${name} must be ${allowed}, got ${JSON.stringify(value.slice(0, SHOWN_CHARACTERS))}`)
}

/** The entries of a setting that is a list with commas. */
export function listOf (value: string): readonly string[] {
  return Object.freeze(value.split(',').map(entry => entry.trim()).filter(Boolean))
}

/**
 * Bases of the interfaces of `ENGINE_URL`, each with a slash at its end.
 * @param needed there has to be one
 */
export function readEngineUrls (value: string, needed: boolean): readonly string[] {
  const urls = listOf(value).map(entry => {
    const url = URL.canParse(entry) ? new URL(entry) : null
    if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') throw wrong('ENGINE_URL', 'http or https URLs separated by commas, such as http://gpu-1:8000/v1', withoutPassword(entry))
    if (url.username !== '' || url.password !== '') throw new ConfigError('ENGINE_URL must have no user name or password in it: set ENGINE_API_KEY')
    // Where these servers' interface begins, unless a proxy has it elsewhere.
    if (url.pathname === '/') url.pathname = '/v1'
    return url.href.replace(/\/*$/, '/')
  })
  if (needed && urls.length === 0) throw new ConfigError('ENGINE=openai needs ENGINE_URL, such as http://gpu-1:8000/v1')
  const twice = urls.find((url, index) => urls.indexOf(url) !== index)
  if (twice !== undefined) throw new ConfigError(`ENGINE_URL names ${twice} twice`)
  return Object.freeze(urls)
}

const withoutPassword = (url: string) => url.replace(/\/\/[^/]*@/, '//')

export function readEngineKey (value: string): string {
  // The key itself is not told: the line goes to logs.
  if (!/^[!-~]*$/.test(value)) throw new ConfigError('ENGINE_API_KEY must be printable ASCII characters, without blanks')
  return value
}
