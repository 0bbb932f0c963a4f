import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { Conversation } from '../model/conversation.ts'

interface Schema extends DBSchema {
  conversations: { key: string, value: Conversation, indexes: { updatedAt: number } }
  pictures: { key: string, value: { key: string, conversation: string, blob: Blob }, indexes: { conversation: string } }
}

let opened: Promise<IDBPDatabase<Schema>> | null = null

/** Everything that is kept, is kept here, in the browser. */
function database (): Promise<IDBPDatabase<Schema>> {
  return opened ??= openDB<Schema>('sightline', 1, {
    upgrade (db) {
      db.createObjectStore('conversations', { keyPath: 'id' }).createIndex('updatedAt', 'updatedAt')
      db.createObjectStore('pictures', { keyPath: 'key' }).createIndex('conversation', 'conversation')
    }
  })
}

/** The latest first. */
export async function loadConversations (): Promise<Conversation[]> {
  return (await (await database()).getAllFromIndex('conversations', 'updatedAt')).reverse()
}

export async function saveConversation (conversation: Conversation): Promise<void> {
  await (await database()).put('conversations', conversation)
}

export async function savePicture (conversation: string, key: string, blob: Blob): Promise<void> {
  await (await database()).put('pictures', { key, conversation, blob })
}

/** Null when the browser has thrown it away, or it was deleted in another tab. */
export async function loadPicture (key: string): Promise<Blob | null> {
  return (await (await database()).get('pictures', key))?.blob ?? null
}

export async function deletePictures (keys: readonly string[]): Promise<void> {
  const transaction = (await database()).transaction('pictures', 'readwrite')
  await Promise.all([...keys.map(key => transaction.store.delete(key)), transaction.done])
}

export async function deleteConversation (id: string): Promise<void> {
  const transaction = (await database()).transaction(['conversations', 'pictures'], 'readwrite')
  const pictures = transaction.objectStore('pictures')
  const keys = await pictures.index('conversation').getAllKeys(id)
  await Promise.all([transaction.objectStore('conversations').delete(id), ...keys.map(key => pictures.delete(key)), transaction.done])
}

export async function deleteEverything (): Promise<void> {
  const transaction = (await database()).transaction(['conversations', 'pictures'], 'readwrite')
  await Promise.all([transaction.objectStore('conversations').clear(), transaction.objectStore('pictures').clear(), transaction.done])
}
