import { useEffect } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { exchangesOf } from '../model/conversation.ts'
import { runs } from '../state/runs.ts'
import { current } from '../state/conversations.ts'
import { AnswerView } from './answer-view.tsx'
import { Icon } from './icon.tsx'
import { QuestionView } from './question-view.tsx'
import { Start } from './start.tsx'
import { useStickToBottom } from './use-stick-to-bottom.ts'

/** Shows the exchanges of the current conversation, the newest at the bottom. */
export function ConversationView () {
  const { id, turns } = current.value
  const { area, content, isAway, toBottom, stay } = useStickToBottom(turns.length > 0)
  const run = runs.value.get(id)
  useEffect(() => { if (turns.length > 0) toBottom() }, [run])

  const isBusy = run !== undefined
  let images = 0
  return (
    <div class='conversation'>
      <div class='conversation-scroll' ref={area} tabIndex={0} role='region' aria-label={t('app.conversations')}>
        <div class='conversation-column' ref={content} role='log' aria-live='polite'>
          {turns.length === 0 && <Start />}
          {exchangesOf(turns).map(([question, answer]) => {
            const firstNumber = images + 1
            images += question.pictures.length
            return (
              <section class='exchange' key={question.id}>
                <QuestionView conversation={id} question={question} firstNumber={firstNumber} isBusy={isBusy} />
                {answer && (
                  <AnswerView
                    conversation={id} question={question} answer={answer} turns={turns} isBusy={isBusy} onFold={stay}
                  />
                )}
              </section>
            )
          })}
        </div>
      </div>
      {isAway.value && (
        <button type='button' class='button conversation-newest' onClick={toBottom}>
          <Icon name='down' /> {t('turn.newest')}
        </button>
      )}
    </div>
  )
}
