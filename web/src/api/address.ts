/** Where the service answers: beside the page, whatever path a proxy shows it under. */
export function addressOf (path: string): string {
  return new URL(path, document.baseURI).href
}
