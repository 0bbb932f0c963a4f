import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames } from 'idb'
import { imagesOf, type Conversation } from '../model/conversation.ts'

interface Schema extends DBSchema {
  conversations: { key: string, value: Conversation, indexes: { updatedAt: number } }
  pictures: { key: string, value: { key: string, conversation: string, blob: Blob }, indexes: { conversation: string } }
}

let opened: Promise<IDBPDatabase<Schema>> | null = null

/** Everything that is kept, is kept here, in the browser. */
function database (): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>('sightline', 1, {
    upgrade (db) {
      db.createObjectStore('conversations', { keyPath: 'id' }).createIndex('updatedAt', 'updatedAt')
      db.createObjectStore('pictures', { keyPath: 'key' }).createIndex('conversation', 'conversation')
    },
    // The browser has closed it, as when its data are cleared; the next who needs it opens it again.
    terminated () { opened = null }
  })
  return opened
}

/** Changes that are handed over to be committed at once: a transaction that waits for its own end is given up with the page, as by a reload right after a click. */
async function write<Name extends StoreNames<Schema>> (
  names: Name[], change: (transaction: IDBPTransaction<Schema, Name[], 'readwrite'>) => Array<Promise<unknown>>
): Promise<void> {
  const transaction = (await database()).transaction(names, 'readwrite')
  const changes = change(transaction)
  transaction.commit()
  await Promise.all([...changes, transaction.done])
}

/** The latest first. */
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

/** Browsers throw away what they did not promise to keep when space is short. Pages that did not come over TLS have nobody to ask. */
function askToPersist (): void {
  if (isAsked || !('storage' in navigator)) return
  isAsked = true
  navigator.storage.persist().catch((error: unknown) => console.warn('the browser promises nothing', error))
}

/** Null when the browser has thrown it away, or it was deleted in another tab. */
export async function loadImage (key: string): Promise<Blob | null> {
  return (await (await database()).get('pictures', key))?.blob ?? null
}

export async function deleteImages (keys: readonly string[]): Promise<void> {
  await write(['pictures'], transaction => keys.map(key => transaction.objectStore('pictures').delete(key)))
}

/** Its pictures stay. */
export async function deleteRecord (id: string): Promise<void> {
  await write(['conversations'], transaction => [transaction.objectStore('conversations').delete(id)])
}

/** Keys of pictures that no turn of any conversation names. */
export async function findOrphans (): Promise<string[]> {
  const transaction = (await database()).transaction(['conversations', 'pictures'])
  const [kept, keys] = await Promise.all([
    transaction.objectStore('conversations').getAll(), transaction.objectStore('pictures').getAllKeys()
  ])
  return orphansAmong(keys, kept)
}

/** Deletes those of the pictures that no turn names now either. */
export async function deleteOrphans (keys: readonly string[]): Promise<void> {
  const transaction = (await database()).transaction(['conversations', 'pictures'], 'readwrite')
  const orphans = orphansAmong(keys, await transaction.objectStore('conversations').getAll())
  await Promise.all([...orphans.map(key => transaction.objectStore('pictures').delete(key)), transaction.done])
}

function orphansAmong (keys: readonly string[], conversations: readonly Conversation[]): string[] {
  const named = new Set(conversations.flatMap(({ turns }) => imagesOf(turns)).map(({ key }) => key))
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
