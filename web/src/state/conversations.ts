import { batch, computed, signal } from '@preact/signals'
import {
  bytesKeyOf, newConversation, imagesOf, titleOf, withTurn, type Answer, type Conversation, type Turn
} from '../model/conversation.ts'
import { withTurnsSince } from '../model/turns.ts'
import * as database from '../storage/database.ts'
import { runs } from './runs.ts'
import { notify } from './notice.ts'
import { listenToOtherTabs, sendToOtherTabs } from './tabs.ts'

/** Longer than the notice with the undo button is shown. */
const UNDO_MS = 10_000
/** Another tab may still undo a removal, or save a question whose images are already stored. */
const SWEEP_AFTER_MS = 30_000

/** Sorted by the last change, newest first. A new conversation is added with its first turn. */
export const conversations = signal<Conversation[]>([])
export const current = signal<Conversation>(newConversation())
/** False when the browser cannot store anything. The page works, but its conversations are lost when it is closed. */
export const isKept = signal(true)
export const isLoaded = signal(false)

export const currentId = computed(() => current.value.id)

export async function restoreConversations (): Promise<void> {
  const loaded = await keep(database.loadConversations()) ?? []
  const known = new Set(conversations.value.map(({ id }) => id))
  conversations.value = sorted([
    ...conversations.value,
    ...loaded.filter(({ id }) => !known.has(id)).map(conversation =>
      ({ ...conversation, turns: conversation.turns.map(asInterrupted) }))
  ])
  isLoaded.value = true
  const orphans = await keep(database.findOrphans()) ?? []
  if (orphans.length > 0) setTimeout(() => { void keep(database.deleteOrphans(orphans)) }, SWEEP_AFTER_MS)
}

/** An answer that was running when its page closed cannot continue. */
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

/** Adds imported conversations. Their images must already be stored. */
export function addConversations (added: readonly Conversation[]): void {
  batch(() => { for (const conversation of added) put(conversation) })
}

/** Changes the turns of any conversation and stores the result. */
export function changeTurns (id: string, change: (turns: Turn[]) => Turn[], { touch = true } = {}): void {
  const old = findConversation(id)
  if (!old) return
  const turns = change(old.turns)
  put({ ...old, turns, title: titleOf({ turns }) || old.title, updatedAt: touch ? Date.now() : old.updatedAt })
}

function put (conversation: Conversation): void {
  show(conversation)
  sendToOtherTabs({ type: 'saved', conversation })
  void keep(
    conversation.turns.length > 0 ? database.saveConversation(conversation) : database.deleteRecord(conversation.id)
  )
}

function show (conversation: Conversation): void {
  batch(() => {
    const others = conversations.value.filter(({ id }) => id !== conversation.id)
    conversations.value = sorted(conversation.turns.length > 0 ? [conversation, ...others] : others)
    if (current.value.id === conversation.id) current.value = conversation
  })
}

function sorted (list: Conversation[]): Conversation[] {
  return list.sort((a, b) => b.updatedAt - a.updatedAt)
}

/** Like `changeTurns`, but offers an undo. */
export function removeTurns (
  id: string, change: (turns: Turn[]) => Turn[], said: 'turn.deleted' | 'turn.replaced'
): void {
  const whole = findConversation(id)
  if (!whole) return
  const kept = change(whole.turns)
  const old = stopUnless(kept, whole)
  changeTurns(id, () => kept)
  const timer = setTimeout(() => { void dropImages(old) }, UNDO_MS)
  notify({
    message: { key: said },
    undo: () => {
      clearTimeout(timer)
      const now = findConversation(id) ?? { ...old, turns: [] }
      const turns = withTurnsSince(old.turns, now.turns)
      // Stops the answer that replaced the restored one.
      stopUnless(turns, now)
      put({ ...now, turns, title: titleOf({ turns }), updatedAt: Date.now() })
    }
  })
}

/**
 * Deletes the images of removed turns. Does nothing when the whole conversation was removed, because that removal has
 * its own undo.
 */
async function dropImages ({ id, turns }: Conversation): Promise<void> {
  const now = findConversation(id)
  if (!now) return
  const named = new Set(imagesOf(now.turns).map(bytesKeyOf))
  await keep(database.deleteImages(imagesOf(turns).map(bytesKeyOf).filter(key => !named.has(key))))
}

export function removeConversation (id: string): void {
  const whole = findConversation(id)
  if (!whole) return
  const old = stopUnless([], whole)
  forget(id)
  sendToOtherTabs({ type: 'removed', id })
  void keep(database.deleteRecord(id))
  // The images stay until the undo expires. If the page is closed earlier, the next one deletes them as orphans.
  const timer = setTimeout(() => { void keep(database.deleteConversation(id)) }, UNDO_MS)
  notify({
    message: { key: 'list.deleted' },
    undo: () => {
      clearTimeout(timer)
      put(old)
    }
  })
}

export async function removeEverything (): Promise<void> {
  forgetEverything()
  sendToOtherTabs({ type: 'emptied' })
  await keep(database.deleteEverything())
}

function forget (id: string): void {
  runs.value.get(id)?.stop()
  batch(() => {
    conversations.value = conversations.value.filter(it => it.id !== id)
    if (current.value.id === id) current.value = newConversation()
  })
}

function forgetEverything (): void {
  for (const { stop } of runs.value.values()) stop()
  batch(() => {
    conversations.value = []
    current.value = newConversation()
  })
}

/** Stops the running answer unless the turns contain it. Returns the conversation with the stopped answer. */
function stopUnless (turns: readonly Turn[], conversation: Conversation): Conversation {
  const run = runs.value.get(conversation.id)
  if (!run || turns.some(({ id }) => id === run.answer.peek().id)) return conversation
  run.stop()
  return withAnswer(conversation, { ...run.answer.peek(), state: 'stopped' })
}

function withAnswer (conversation: Conversation, answer: Answer): Conversation {
  return { ...conversation, turns: withTurn<Answer>(conversation.turns, answer.id, () => answer) }
}

listenToOtherTabs(news => {
  if (news.type === 'removed') return forget(news.id)
  if (news.type === 'emptied') return forgetEverything()
  const theirs = news.conversation
  const mine = findConversation(theirs.id)
  // Keeps an answer that is running in this tab when another tab changes the conversation.
  show(mine && runs.value.has(theirs.id) ? { ...theirs, turns: withTurnsSince(theirs.turns, mine.turns) } : theirs)
})

// Otherwise, other tabs would show the answer as running forever.
addEventListener('pagehide', () => {
  for (const { conversation, answer } of runs.value.values()) {
    const old = findConversation(conversation)
    if (old) put(withAnswer(old, { ...answer.peek(), state: 'interrupted' }))
  }
})

/** Waits for the database. Returns null when it fails, and marks storage as unavailable. */
export async function keep<T> (kept: Promise<T>): Promise<T | null> {
  try {
    return await kept
  } catch (error) {
    console.warn('nothing can be kept', error)
    isKept.value = false
    return null
  }
}
