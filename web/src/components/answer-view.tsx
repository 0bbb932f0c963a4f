import { t } from '../i18n/index.ts'
import type { Answer, Question, Turn } from '../model/conversation.ts'
import { markKey } from '../model/marks.ts'
import { stoppedKey } from '../model/thoughts.ts'
import { askAgain } from '../state/asking.ts'
import { runOf } from '../state/runs.ts'
import { AnswerBoxes } from './answer-boxes.tsx'
import { AnswerDetails } from './answer-details.tsx'
import { CopyButton } from './copy-button.tsx'
import { focusQuestion } from './focus-question.ts'
import { FailureView } from './failure-view.tsx'
import { IconButton } from './icon.tsx'
import { JsonAnswer } from './json-answer.tsx'
import { Markdown } from './markdown.tsx'
import { StageView } from './stage-view.tsx'
import { ThoughtsView } from './thoughts-view.tsx'

export interface AnswerViewProps {
  conversation: string
  question: Question
  answer: Answer
  turns: Turn[]
  isBusy: boolean
  /** Called before the reader opens or closes something within the answer. */
  onFold: () => void
}

/** Shows an answer while it is running and afterwards. */
export function AnswerView ({ conversation, question, answer: kept, turns, isBusy, onFold }: AnswerViewProps) {
  const run = runOf(conversation, kept)
  const answer = run?.answer.value ?? kept
  const { text, done, state, failure, format } = answer
  const again = () => {
    askAgain(conversation, question.id)
    focusQuestion()
  }
  const marks = [
    ...(done?.boxes ?? []).map(({ label }, i) => ({ key: markKey(answer.id, 'box', i), label: label ?? '' })),
    ...(done?.points ?? []).map(({ label }, i) => ({ key: markKey(answer.id, 'point', i), label: label ?? '' }))
  ].filter(({ label }) => label !== '')

  return (
    <article class='answer' aria-label={t('turn.model')} aria-busy={run !== undefined}>
      <ThoughtsView answer={answer} stage={run?.stage.value ?? null} onFold={onFold} />
      {text !== '' && (format.type === 'text'
        ? <Markdown text={text} isRunning={run !== undefined} marks={marks} />
        : <JsonAnswer text={text} isRunning={run !== undefined} marks={marks} />)}
      {run && <StageView run={run} />}
      {!run && text === '' && state === 'done' && <p class='answer-note'>{t('turn.empty')}</p>}
      {done && <AnswerBoxes answer={answer} turns={turns} />}
      {done?.finish_reason === 'length' && <p class='answer-note'>{t('turn.cutOff')}</p>}
      {state === 'stopped' && <p class='answer-note'>{t(stoppedKey(answer))}</p>}
      {state === 'interrupted' && <p class='answer-note'>{t('turn.interrupted')}</p>}
      {failure && <FailureView failure={failure} question={question} onRetry={isBusy ? null : again} />}
      {!run && (
        <div class='turn-actions'>
          {text !== '' && <CopyButton text={() => text} />}
          {failure === null && (
            <IconButton icon='again' label={t('turn.regenerate')} disabled={isBusy} onClick={again} />
          )}
        </div>
      )}
      {done && <AnswerDetails done={done} images={question.pictures} />}
    </article>
  )
}
