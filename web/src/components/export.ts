import { formatNumber, locale, t } from '../i18n/index.ts'
import type { Conversation } from '../model/conversation.ts'
import { toJson, type ExportOptions } from '../model/export-json.ts'
import { toMarkdown } from '../model/export-markdown.ts'
import { conversations } from '../state/conversations.ts'
import { withThoughts } from '../state/exporting.ts'
import { notify } from '../state/notice.ts'
import { imageBytes, visibleBytes } from '../state/image-urls.ts'

/** The browser may read the URL long after the click. */
const REVOKE_MS = 60_000
const NAME_MAX = 60

export async function exportMarkdown (conversation: Conversation): Promise<void> {
  const formatDate = (at: number) =>
    new Intl.DateTimeFormat(locale.value, { dateStyle: 'long', timeStyle: 'short' }).format(at)
  await offer(
    () => toMarkdown(conversation, { t, formatDate, formatNumber }, options()), `${fileNameOf(conversation)}.md`
  )
}

export async function exportJson (conversation: Conversation): Promise<void> {
  await offer(() => toJson([conversation], options()), `${fileNameOf(conversation)}.json`)
}

export async function exportEverything (): Promise<void> {
  const date = new Date().toISOString().slice(0, 10)
  await offer(() => toJson(conversations.value, options()), `sightline-${date}.json`)
}

function options (): ExportOptions {
  return { withThoughts: withThoughts.value, bytesOf: imageBytes, visibleBytesOf: visibleBytes }
}

async function offer (make: () => Promise<Blob>, name: string): Promise<void> {
  try {
    const blob = await make()
    // When the browser has no space for the Blob, reading it fails; a download would break off silently.
    await blob.slice(-1).arrayBuffer()
    download(blob, name)
  } catch (error) {
    console.error(error)
    notify({
      message: { key: 'export.failed', values: { reason: String(error instanceof Error ? error.message : error) } }
    })
  }
}

export function download (blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS)
}

/** Removes characters that some systems do not allow in file names. */
function fileNameOf ({ title }: Conversation): string {
  const name = title.replace(/[\p{C}\\/:*?"<>|.…]+/gu, ' ').replace(/\s+/g, ' ').trim()
  return Array.from(name).slice(0, NAME_MAX).join('').trim() || 'sightline'
}
