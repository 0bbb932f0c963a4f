import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { askQuestion } from '../state/asking.ts'
import { runs } from '../state/runs.ts'
import { current } from '../state/conversations.ts'
import {
  checkedImages, clearDraft, draftImages, draftText, isDraftFaulty, isDraftReady
} from '../state/draft.ts'
import { addFiles } from '../state/draft-files.ts'
import { DraftDocuments } from './draft-documents.tsx'
import { DraftImages } from './draft-images.tsx'
import { FormatPicker } from './format-picker.tsx'
import { Icon, IconButton } from './icon.tsx'
import { Presets } from './presets.tsx'
import { ThinkingSwitch } from './thinking-switch.tsx'

/** The limit of the service, in characters. */
const MESSAGE_MAX = 32_000
const TAKEN = 'image/jpeg,image/png,image/webp,image/avif,image/heic,image/heif,.heic,.heif,image/gif,image/tiff,' +
  'application/pdf,.pdf'

/** The field for a question, with the buttons that send it and stop its answer. */
export function Composer () {
  const field = useRef<HTMLTextAreaElement>(null)
  const length = Array.from(draftText.value).length
  const run = runs.value.get(current.value.id)
  const isEmpty = draftText.value.trim() === '' && draftImages.value.length === 0
  const canSend = !isEmpty && length <= MESSAGE_MAX && !isDraftFaulty.value && run === undefined
  const hasImages = draftImages.value.length > 0 || current.value.turns.length > 0
  const hasPresets = draftText.value === '' && run === undefined &&
    (draftImages.value.length > 0 || current.value.turns.length === 0)
  const isSendingSoon = useSignal(false)
  const id = useComputed(() => current.value.id)

  // Focuses the field when the conversation changes.
  useSignalEffect(() => {
    void id.value
    if (matchMedia('(pointer: fine)').matches) field.current?.focus()
  })

  // Sends the question once all images are inspected, unless one has a fault.
  useSignalEffect(() => {
    if (!isSendingSoon.value || !isDraftReady.value) return
    isSendingSoon.value = false
    if (!isDraftFaulty.value) send()
  })

  function send (): void {
    if (!isDraftReady.value) {
      isSendingSoon.value = true
      return
    }
    // Images without text are sent with a default question.
    const text = draftText.value.trim() === '' ? t('start.describePrompt') : draftText.value
    askQuestion(current.value.id, text, checkedImages.value)
    clearDraft()
    field.current?.focus()
  }

  function pick (prompt: string): void {
    draftText.value = prompt
    if (hasImages && !isDraftFaulty.value && run === undefined) send()
    else field.current?.focus()
  }

  function onKeyDown (event: KeyboardEvent): void {
    if (event.key === 'Escape' && run) return run.stop()
    // An input method uses Enter to confirm, and on a phone Enter is the only way to start a new line.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || matchMedia('(pointer: coarse)').matches) return
    event.preventDefault()
    if (canSend) send()
  }

  return (
    <form class='composer' onSubmit={event => { event.preventDefault(); if (canSend) send() }}>
      {hasPresets && <Presets onPick={pick} />}
      <div class='composer-box'>
        <DraftImages />
        <DraftDocuments />
        <textarea
          ref={field} id='question' class='composer-field' rows={1} value={draftText.value}
          aria-label={t('composer.label')}
          placeholder={t(current.value.turns.length > 0 ? 'composer.placeholderNext' : 'composer.placeholder')}
          aria-describedby='composer-fault' title={t('settings.enterSends')}
          onInput={event => { isSendingSoon.value = false; draftText.value = event.currentTarget.value }}
          onKeyDown={onKeyDown}
        />
        <div class='composer-tools'>
          <FileButton icon='image' label={t('composer.add')} accept={TAKEN} />
          <FileButton icon='camera' label={t('composer.camera')} accept='image/*' capture />
          <FormatPicker />
          <ThinkingSwitch />
          <span id='composer-fault' class='composer-fault' role='status'>
            {length > MESSAGE_MAX
              ? t('composer.tooLong', { count: length, limit: MESSAGE_MAX })
              : isDraftFaulty.value && t('composer.faulty')}
          </span>
          {run
            ? (
              <button key='stop' type='button' class='button composer-go' onClick={() => run.stop()}>
                <Icon name='stop' /> <span class='composer-words'>{t('composer.stop')}</span>
              </button>
              )
            : (
              <button key='send' type='submit' class='button primary composer-go' disabled={!canSend}>
                <span class='composer-words'>{t('composer.send')}</span> <Icon name='send' />
              </button>
              )}
        </div>
      </div>
    </form>
  )
}

interface FileButtonProps { icon: 'image' | 'camera', label: string, accept: string, capture?: boolean }

function FileButton ({ icon, label, accept, capture = false }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <IconButton
        icon={icon} label={label} class={capture ? 'composer-camera' : ''} onClick={() => input.current?.click()}
      />
      <input
        ref={input} type='file' hidden accept={accept} multiple={!capture} aria-label={label}
        {...capture && { capture: 'environment' }}
        onChange={({ currentTarget }) => {
          void addFiles([...currentTarget.files ?? []])
          // Otherwise, choosing the same file again would not fire `change`.
          currentTarget.value = ''
        }}
      />
    </>
  )
}
