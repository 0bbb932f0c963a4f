import { batch, computed, signal } from '@preact/signals'
import {
  newConversation, imagesOf, titleOf, withTurn, type Answer, type Conversation, type Turn
} from '../model/conversation.ts'
import { withTurnsSince } from '../model/turns.ts'
import * as database from '../storage/database.ts'
import { runs } from './runs.ts'
import { notify } from './notice.ts'
import { listenToOtherTabs, sendToOtherTabs } from './tabs.ts'

/** Longer than the notice that offers it is shown. */
const UNDO_MS = 10_000
/** Other tabs may still be undoing a removal, or saving a question whose pictures are there already. */
const SWEEP_AFTER_MS = 30_000

/** The latest first. A new one is in the list when it has a turn. */
export const conversations = signal<Conversation[]>([])
export const current = signal<Conversation>(newConversation())
/** The browser cannot keep anything: everything works, until the page is closed. */
export const isKept = signal(true)
export const isLoaded = signal(false)

export const currentId = computed(() => current.value.id)

export async function loadConversations (): Promise<void> {
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

/** Adds conversations that came from elsewhere, their pictures kept already. */
export function addConversations (added: readonly Conversation[]): void {
  batch(() => { for (const conversation of added) put(conversation) })
}

/** Changes the turns of a conversation, which need not be the current one, and keeps them. */
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

/** Like `changeTurns`, and can be undone. */
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
      // The answer that comes instead of the one that is back.
      stopUnless(turns, now)
      put({ ...now, turns, title: titleOf({ turns }), updatedAt: Date.now() })
    }
  })
}

/** Of turns that are gone for good. Where the whole conversation is gone, that has a way back of its own. */
async function dropImages ({ id, turns }: Conversation): Promise<void> {
  const now = findConversation(id)
  if (!now) return
  const named = new Set(imagesOf(now.turns).map(({ key }) => key))
  await keep(database.deleteImages(imagesOf(turns).flatMap(({ key }) => named.has(key) ? [] : [key])))
}

export function removeConversation (id: string): void {
  const whole = findConversation(id)
  if (!whole) return
  const old = stopUnless([], whole)
  forget(id)
  sendToOtherTabs({ type: 'removed', id })
  void keep(database.deleteRecord(id))
  // Its pictures stay until there is no way back. Should the page be closed before, the next one sweeps them away.
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

/** Stops the answer that is coming, unless it is among these turns. Returns the conversation as it then is. */
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
  // What is being answered here is not lost by what is answered there.
  show(mine && runs.value.has(theirs.id) ? { ...theirs, turns: withTurnsSince(theirs.turns, mine.turns) } : theirs)
})

// Other tabs would wait for ever for the rest of an answer.
addEventListener('pagehide', () => {
  for (const { conversation, answer } of runs.value.values()) {
    const old = findConversation(conversation)
    if (old) put(withAnswer(old, { ...answer.peek(), state: 'interrupted' }))
  }
})

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
