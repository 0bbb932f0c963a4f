/** A multiple of three, so that the base64 pieces can be concatenated. */
const CHUNK_BYTES = 3 * 1024 * 1024

/** Encodes an image or a document as a data URI. The result is a Blob because the text may be too long for a string. */
export async function toDataUri (blob: Blob, type: string): Promise<Blob> {
  const parts: BlobPart[] = [`data:${type};base64,`]
  for (let from = 0; from < blob.size; from += CHUNK_BYTES) {
    parts.push(new Blob([await toBase64(blob.slice(from, from + CHUNK_BYTES))]))
  }
  return new Blob(parts)
}

/** Uses the browser's native encoder, which is much faster than JavaScript for large files. */
function toBase64 (blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(blob)
  })
}

/** The bytes of a base64 data URI of an image or a PDF; null for anything else. */
export function fromDataUri (uri: string): Uint8Array<ArrayBuffer> | null {
  const [head] = /^data:(?:image\/[\w.+-]+|application\/pdf);base64,/.exec(uri) ?? []
  if (head === undefined) return null
  try {
    const characters = atob(uri.slice(head.length))
    const bytes = new Uint8Array(characters.length)
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i)
    return bytes
  } catch {
    // `atob` throws when the text is not base64.
    return null
  }
}
