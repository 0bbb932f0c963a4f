/** A multiple of three, so that the pieces can be put one after the other. */
const CHUNK_BYTES = 3 * 1024 * 1024

/** A picture as the text of a data URI; itself a Blob, for there may be many and large ones. */
export async function toDataUri (blob: Blob, type: string): Promise<Blob> {
  const parts: BlobPart[] = [`data:${type};base64,`]
  for (let from = 0; from < blob.size; from += CHUNK_BYTES) {
    parts.push(
      new Blob([await toBase64(blob.slice(from, from + CHUNK_BYTES))])
    )
  }
  return new Blob(parts)
}

/** By the browser's own means: in JavaScript it would take minutes for what a browser may hold. */
function toBase64 (blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(blob)
  })
}

/** The bytes of a data URI with base64; null for anything else. */
export function fromDataUri (uri: string): Uint8Array<ArrayBuffer> | null {
  const [head] = /^data:image\/[\w.+-]+;base64,/.exec(uri) ?? []
  if (head === undefined) return null
  try {
    const characters = atob(uri.slice(head.length))
    const bytes = new Uint8Array(characters.length)
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i)
    return bytes
  } catch {
    // It is not base64.
    return null
  }
}
