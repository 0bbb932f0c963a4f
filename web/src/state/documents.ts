import type { PdfFile, PdfPage } from '../pdf/pdf.ts'
import type { DocumentPage } from '../model/conversation.ts'
import { loadImage } from '../storage/database.ts'
import { keep } from './conversations.ts'

/** Documents that were added in this page and may not be stored yet. */
const added = new Map<string, Blob>()
const files = new Map<string, Promise<PdfFile | null>>()

/** Makes a new document available before the database has stored it, or when storage is unavailable. */
export function registerDocument (key: string, blob: Blob): void {
  added.set(key, blob)
}

/** Releases a document that was removed before it was sent. */
export function forgetDocument (key: string): void {
  added.delete(key)
  files.delete(key)
}

/** The bytes of a document that was added in this page. */
export function addedDocument (key: string): Blob | undefined {
  return added.get(key)
}

/** Opens a document. The renderer is loaded at the first use. Returns null when its bytes are gone. */
export async function openDocument (key: string): Promise<PdfFile | null> {
  const opened = files.get(key) ?? open(key)
  files.set(key, opened)
  // Missing bytes may come back with an undo, and the renderer with the network.
  opened.then(file => { if (file === null) files.delete(key) }, () => files.delete(key))
  return await opened
}

async function open (key: string): Promise<PdfFile | null> {
  const blob = added.get(key) ?? await keep(loadImage(key))
  if (blob === null) return null
  const { PdfFile } = await import('../pdf/pdf.ts')
  return new PdfFile(blob)
}

/**
 * Renders a page of a document.
 * @param maxSide longest side in pixels
 * @param signal withdraws the request while other pages are rendered
 * @returns null when the document's bytes are gone
 * @throws PdfError, and the error of a renderer that cannot be loaded; the reason of `signal`
 */
export async function renderPage (
  { document, number }: DocumentPage, maxSide: number, signal?: AbortSignal
): Promise<PdfPage | null> {
  const file = await openDocument(document)
  return file && await file.render(number, maxSide, signal)
}
