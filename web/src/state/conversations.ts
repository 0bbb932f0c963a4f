import { batch, computed, signal } from '@preact/signals'
import { newConversation, titleOf, type Conversation, type Turn } from '../model/conversation.ts'
import * as database from '../storage/database.ts'
import { notify } from './notice.ts'

/** Longer than the notice that offers it is shown. */
const UNDO_MS = 10_000

/** The latest first. A new one is in the list when it has a turn. */
export const conversations = signal<Conversation[]>([])
export const current = signal<Conversation>(newConversation())
/** The browser cannot keep anything: everything works, until the page is closed. */
export const isKept = signal(true)
export const isLoaded = signal(false)

export const currentId = computed(() => current.value.id)

export async function loadConversations (): Promise<void> {
  const loaded = await keep(database.loadConversations())
  conversations.value = (loaded ?? []).map(conversation => ({ ...conversation, turns: conversation.turns.map(asInterrupted) }))
  isLoaded.value = true
}

/** No answer outlives the page that it came to. */
function asInterrupted (turn: Turn): Turn {
  return turn.role === 'assistant' && turn.state === 'running' ? { ...turn, state: 'interrupted' } : turn
}

export function startConversation (): void {
  if (current.value.turns.length > 0) current.value = newConversation()
}

export function openConversation (id: string): void {
  const conversation = conversations.value.find(it => it.id === id)
  if (conversation) current.value = conversation
}

export function findConversation (id: string): Conversation | undefined {
  return current.value.id === id ? current.value : conversations.value.find(it => it.id === id)
}

/** Changes the turns of a conversation, which need not be the current one, and keeps them. */
export function changeTurns (id: string, change: (turns: Turn[]) => Turn[], { touch = true } = {}): void {
  const old = findConversation(id)
  if (!old) return
  const turns = change(old.turns)
  const changed = { ...old, turns, title: titleOf({ turns }) || old.title, updatedAt: touch ? Date.now() : old.updatedAt }
  put(changed)
}

function put (conversation: Conversation): void {
  batch(() => {
    const others = conversations.value.filter(({ id }) => id !== conversation.id)
    conversations.value = [conversation, ...others].sort((a, b) => b.updatedAt - a.updatedAt)
    if (current.value.id === conversation.id) current.value = conversation
  })
  void keep(database.saveConversation(conversation))
}

/** Like `changeTurns`, and can be undone. */
export function removeTurns (id: string, change: (turns: Turn[]) => Turn[], said: 'turn.deleted' | 'turn.replaced'): void {
  const old = findConversation(id)
  if (!old) return
  changeTurns(id, change)
  notify({ message: { key: said }, undo: () => { changeTurns(id, () => old.turns) } })
}

export function removeConversation (id: string): void {
  const old = findConversation(id)
  if (!old) return
  batch(() => {
    conversations.value = conversations.value.filter(it => it.id !== id)
    if (current.value.id === id) current.value = newConversation()
  })
  // Its pictures stay until there is no way back.
  const timer = setTimeout(() => { void keep(database.deleteConversation(id)) }, UNDO_MS)
  const now = () => {
    clearTimeout(timer)
    void keep(database.deleteConversation(id))
  }
  addEventListener('pagehide', now, { once: true })
  notify({
    message: { key: 'list.deleted' },
    undo: () => {
      clearTimeout(timer)
      removeEventListener('pagehide', now)
      put(old)
    }
  })
}

export async function removeEverything (): Promise<void> {
  batch(() => {
    conversations.value = []
    current.value = newConversation()
  })
  await keep(database.deleteEverything())
}

/** Waits for the database; null where it fails, which is told once for all. */
export async function keep<T> (kept: Promise<T>): Promise<T | null> {
  try {
    return await kept
  } catch (error) {
    console.warn('nothing can be kept', error)
    isKept.value = false
    return null
  }
}
