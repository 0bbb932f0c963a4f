import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames } from 'idb'
import { bytesKeyOf, imagesOf, type Conversation } from '../model/conversation.ts'

/** The names are part of stored data. */
interface Schema extends DBSchema {
  conversations: { key: string, value: Conversation, indexes: { updatedAt: number } }
  pictures: { key: string, value: { key: string, conversation: string, blob: Blob }, indexes: { conversation: string } }
}

let opened: Promise<IDBPDatabase<Schema>> | null = null

/** Opens the database in the browser that stores conversations and images. */
function database (): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>('sightline', 1, {
    upgrade (db) {
      db.createObjectStore('conversations', { keyPath: 'id' }).createIndex('updatedAt', 'updatedAt')
      db.createObjectStore('pictures', { keyPath: 'key' }).createIndex('conversation', 'conversation')
    },
    // The browser closed the database, for example because its data were cleared. The next access opens it again.
    terminated () { opened = null }
  })
  return opened
}

/**
 * Commits changes explicitly. A transaction that commits by itself is lost when the page is closed or reloaded right
 * after a click.
 */
async function write<Name extends StoreNames<Schema>> (
  names: Name[], change: (transaction: IDBPTransaction<Schema, Name[], 'readwrite'>) => Array<Promise<unknown>>
): Promise<void> {
  const transaction = (await database()).transaction(names, 'readwrite')
  const changes = change(transaction)
  transaction.commit()
  await Promise.all([...changes, transaction.done])
}

/** Sorted by the last change, newest first. */
export async function loadConversations (): Promise<Conversation[]> {
  return (await (await database()).getAllFromIndex('conversations', 'updatedAt')).reverse()
}

export async function saveConversation (conversation: Conversation): Promise<void> {
  await write(['conversations'], transaction => [transaction.objectStore('conversations').put(conversation)])
}

export async function saveImage (conversation: string, key: string, blob: Blob): Promise<void> {
  askToPersist()
  await write(['pictures'], transaction => [transaction.objectStore('pictures').put({ key, conversation, blob })])
}

let isAsked = false

/** Asks the browser not to evict the data when space is short. Pages served without TLS cannot ask. */
function askToPersist (): void {
  if (isAsked || !('storage' in navigator)) return
  isAsked = true
  navigator.storage.persist().catch((error: unknown) => console.warn('the browser promises nothing', error))
}

/** Returns null when the browser evicted the image or another tab deleted it. */
export async function loadImage (key: string): Promise<Blob | null> {
  return (await (await database()).get('pictures', key))?.blob ?? null
}

export async function deleteImages (keys: readonly string[]): Promise<void> {
  await write(['pictures'], transaction => keys.map(key => transaction.objectStore('pictures').delete(key)))
}

/** Deletes a conversation but keeps its images. */
export async function deleteRecord (id: string): Promise<void> {
  await write(['conversations'], transaction => [transaction.objectStore('conversations').delete(id)])
}

/** Keys of images that no turn refers to. */
export async function findOrphans (): Promise<string[]> {
  const transaction = (await database()).transaction(['conversations', 'pictures'])
  const [kept, keys] = await Promise.all([
    transaction.objectStore('conversations').getAll(), transaction.objectStore('pictures').getAllKeys()
  ])
  return orphansAmong(keys, kept)
}

/** Deletes the given images, except those that a turn refers to by now. */
export async function deleteOrphans (keys: readonly string[]): Promise<void> {
  const transaction = (await database()).transaction(['conversations', 'pictures'], 'readwrite')
  const orphans = orphansAmong(keys, await transaction.objectStore('conversations').getAll())
  await Promise.all([...orphans.map(key => transaction.objectStore('pictures').delete(key)), transaction.done])
}

function orphansAmong (keys: readonly string[], conversations: readonly Conversation[]): string[] {
  const named = new Set(conversations.flatMap(({ turns }) => imagesOf(turns)).map(bytesKeyOf))
  return keys.filter(key => !named.has(key))
}

export async function deleteConversation (id: string): Promise<void> {
  const transaction = (await database()).transaction(['conversations', 'pictures'], 'readwrite')
  const images = transaction.objectStore('pictures')
  const keys = await images.index('conversation').getAllKeys(id)
  await Promise.all([
    transaction.objectStore('conversations').delete(id), ...keys.map(key => images.delete(key)), transaction.done
  ])
}

export async function deleteEverything (): Promise<void> {
  await write(['conversations', 'pictures'], transaction =>
    [transaction.objectStore('conversations').clear(), transaction.objectStore('pictures').clear()])
}
