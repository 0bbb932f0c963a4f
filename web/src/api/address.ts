/**
 * The absolute URL of a path of the service. It is relative to the page, because a proxy may serve both under any
 * prefix.
 */
export function serviceUrl (path: string): string {
  return new URL(path, document.baseURI).href
}
