const PROTOCOLS = ['http:', 'https:', 'mailto:']

/**
 * The URL of a link in an answer, or null when it must not be followed. Only absolute http, https and mailto URLs are
 * allowed.
 */
export function safeAddress (href: string): string | null {
  const address = URL.canParse(href) ? new URL(href) : null
  return address !== null && PROTOCOLS.includes(address.protocol) ? address.href : null
}
