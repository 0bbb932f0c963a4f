import type { Conversation } from '../model/conversation.ts'

/** A message to the other tabs, so that all tabs show the same list. */
export type News =
  | { type: 'saved', conversation: Conversation }
  | { type: 'removed', id: string }
  | { type: 'emptied' }

const channel = new BroadcastChannel('sightline')

export function sendToOtherTabs (news: News): void {
  channel.postMessage(news)
}

export function listenToOtherTabs (listener: (news: News) => void): void {
  channel.addEventListener('message', ({ data }: MessageEvent<News>) => listener(data))
}
