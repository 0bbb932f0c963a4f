import { signal } from '@preact/signals'
import type { Message } from '../i18n/index.ts'

/** A message at the edge of the page that disappears after a while, with an optional undo. */
export interface NoticeContent { message: Message, undo?: () => void }

const SHOWN_MS = 8_000

export const notice = signal<NoticeContent | null>(null)
/** A message for screen readers only. */
export const announcement = signal('')

let timer: ReturnType<typeof setTimeout> | undefined

export function notify (what: NoticeContent): void {
  clearTimeout(timer)
  notice.value = what
  timer = setTimeout(dismissNotice, SHOWN_MS)
}

export function dismissNotice (): void {
  notice.value = null
}
