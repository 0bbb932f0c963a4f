import { NETWORK, type Failure } from '../api/failure.ts'
import { t } from '../i18n/index.ts'
import type { Question } from '../model/conversation.ts'
import { IMAGE_LOST } from '../model/form.ts'
import { Icon } from './icon.tsx'

export interface FailureViewProps {
  failure: Failure
  question: Question
  /** Null while the question cannot be asked again. */
  onRetry: (() => void) | null
}

/** Explains why an answer is missing or incomplete, with the message of the service if there is one. */
export function FailureView ({ failure, question, onRetry }: FailureViewProps) {
  const { picture: image, requestId } = failure
  return (
    <div class='failure' role='alert'>
      <Icon name='warning' />
      <div class='failure-words'>
        <p>{sentenceOf(failure)}</p>
        {image !== null && image < question.pictures.length && (
          <p>
            {t('failure.image', { number: image + 1 })}{' '}
            <span class='failure-name'>{question.pictures[image]!.name}</span>
          </p>
        )}
        {requestId && <p class='failure-request'>{t('failure.request', { id: requestId })}</p>}
      </div>
      {onRetry && <button type='button' class='button' onClick={onRetry}>{t('turn.retry')}</button>}
    </div>
  )
}

function sentenceOf ({ code, sentence, status }: Failure): string {
  if (code === NETWORK) return t('failure.network')
  if (code === IMAGE_LOST) return t('failure.lost')
  return sentence || t('failure.unknown', { status })
}
