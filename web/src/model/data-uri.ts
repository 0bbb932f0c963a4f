/** A multiple of three, so that the pieces can be put one after the other, and few enough to be arguments of a call. */
const CHUNK_BYTES = 24_576

/** A picture as the text of a data URI; itself a Blob, for there may be many and large ones. */
export async function toDataUri (blob: Blob, type: string): Promise<Blob> {
  const parts: BlobPart[] = [`data:${type};base64,`]
  const bytes = new Uint8Array(await blob.arrayBuffer())
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
    parts.push(btoa(String.fromCharCode(...bytes.subarray(from, from + CHUNK_BYTES))))
  }
  return new Blob(parts)
}

/** The bytes of a data URI with base64; null for anything else. */
export function fromDataUri (uri: string): Uint8Array<ArrayBuffer> | null {
  const [head] = /^data:image\/[\w.+-]+;base64,/.exec(uri) ?? []
  if (head === undefined) return null
  try {
    return Uint8Array.from(atob(uri.slice(head.length)), character => character.charCodeAt(0))
  } catch {
    // It is not base64.
    return null
  }
}
