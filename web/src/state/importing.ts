import type { Message } from '../i18n/index.ts'
import { fromJson, NotAnExportError, type Imported } from '../model/import-json.ts'
import { EXPORT_VERSION } from '../model/export-json.ts'
import { DOCUMENT } from '../model/image-file.ts'
import { ShapeError } from '../model/read.ts'
import { saveImage } from '../storage/database.ts'
import { addConversations, keep } from './conversations.ts'
import { registerDocument } from './documents.ts'
import { registerImage } from './image-urls.ts'

/** Imports the conversations of a file: all of them, or none when the file has a fault. Returns the message to show. */
export async function importFile (file: Blob): Promise<{ isDone: boolean, message: Message }> {
  let imported: Imported
  try {
    imported = fromJson(await file.text())
  } catch (error) {
    return { isDone: false, message: faultOf(error) }
  }
  for (const { conversation, key, blob } of imported.images) {
    const isSaved = await keep(saveImage(conversation, key, blob).then(() => true))
    if (isSaved !== null) continue
    if (blob.type === DOCUMENT) registerDocument(key, blob)
    else registerImage(key, blob)
  }
  addConversations(imported.conversations)
  return { isDone: true, message: { key: 'import.done', values: { count: imported.conversations.length } } }
}

function faultOf (error: unknown): Message {
  if (error instanceof ShapeError) {
    return { key: 'import.fault', values: { path: error.path || '{}', expected: error.expected } }
  }
  if (error instanceof NotAnExportError) {
    return error.version === null
      ? { key: 'import.notOurs' }
      : { key: 'import.version', values: { version: error.version, known: EXPORT_VERSION } }
  }
  return { key: 'import.unreadable', values: { reason: String(error instanceof Error ? error.message : error) } }
}
