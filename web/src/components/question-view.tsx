import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import type { Question } from '../model/conversation.ts'
import { askAgain } from '../state/asking.ts'
import { removeTurns } from '../state/conversations.ts'
import { CopyButton } from './copy-button.tsx'
import { focusQuestion } from './focus-question.ts'
import { IconButton } from './icon.tsx'
import { QuestionImages } from './question-images.tsx'

export interface QuestionViewProps {
  conversation: string
  question: Question
  /** The number of its first image. Numbers count through the conversation, as the model sees them. */
  firstNumber: number
  /** Whether this conversation has a running answer. */
  isBusy: boolean
}

export function QuestionView ({ conversation, question, firstNumber, isBusy }: QuestionViewProps) {
  const isEdited = useSignal(false)
  function remove (): void {
    removeTurns(conversation, turns => {
      const at = turns.findIndex(({ id }) => id === question.id)
      const length = turns[at + 1]?.role === 'assistant' ? 2 : 1
      return [...turns.slice(0, at), ...turns.slice(at + length)]
    }, 'turn.deleted')
    focusQuestion()
  }

  return (
    <article class='question' aria-label={t('turn.you')}>
      {question.pictures.length > 0 && <QuestionImages images={question.pictures} firstNumber={firstNumber} />}
      {isEdited.value
        ? <QuestionEditor
            text={question.text} onCancel={() => { isEdited.value = false }}
            onSend={text => {
              isEdited.value = false
              askAgain(conversation, question.id, text)
              focusQuestion()
            }}
          />
        : <p class='question-text'>{question.text}</p>}
      {!isEdited.value && (
        <div class='turn-actions'>
          <CopyButton text={() => question.text} />
          <IconButton icon='edit' label={t('turn.edit')} disabled={isBusy} onClick={() => { isEdited.value = true }} />
          <IconButton icon='trash' label={t('turn.delete')} disabled={isBusy} onClick={remove} />
        </div>
      )}
    </article>
  )
}

interface QuestionEditorProps { text: string, onSend: (text: string) => void, onCancel: () => void }

function QuestionEditor ({ text, onSend, onCancel }: QuestionEditorProps) {
  const edited = useSignal(text)
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => {
    field.current!.focus()
    field.current!.setSelectionRange(text.length, text.length)
  }, [])
  const canSend = edited.value.trim() !== ''

  function onKeyDown (event: KeyboardEvent): void {
    if (event.key === 'Escape') onCancel()
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || !canSend) return
    event.preventDefault()
    onSend(edited.value)
  }

  return (
    <div class='question-editor'>
      <textarea
        ref={field} class='input' rows={3} aria-label={t('turn.editing')} value={edited.value}
        onInput={({ currentTarget }) => { edited.value = currentTarget.value }} onKeyDown={onKeyDown}
      />
      <div class='question-editor-buttons'>
        <button type='button' class='button' onClick={onCancel}>{t('app.cancel')}</button>
        <button type='button' class='button primary' disabled={!canSend} onClick={() => onSend(edited.value)}>
          {t('turn.save')}
        </button>
      </div>
    </div>
  )
}
