const PROTOCOLS = ['http:', 'https:', 'mailto:']

/** The address of a link that may be followed from an answer, or null: whole addresses only, and no scripts. */
export function safeAddress (href: string): string | null {
  const address = URL.canParse(href) ? new URL(href) : null
  return address !== null && PROTOCOLS.includes(address.protocol) ? address.href : null
}
