import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { t, translate } from '../i18n/index.ts'
import type { Answer, Thoughts } from '../model/conversation.ts'
import { hasThoughts, thoughtFor } from '../model/thoughts.ts'
import type { Stage } from '../state/runs.ts'
import '../styles/thoughts.css'
import { CopyButton } from './copy-button.tsx'
import { Markdown } from './markdown.tsx'
import { useSeconds } from './use-seconds.ts'

export interface ThoughtsViewProps {
  answer: Answer
  /** Null when the answer is not running here. */
  stage: Stage | null
  onFold: () => void
}

/** The thoughts before an answer, folded at first. Renders nothing when there are none. */
export function ThoughtsView ({ answer, stage, onFold }: ThoughtsViewProps) {
  const isOpen = useSignal(false)
  const title = useRef<HTMLElement>(null)
  const { thoughts, state, text } = answer
  const since = stage?.name === 'thinking' ? stage.since : null
  if (!thoughts || (since === null && !hasThoughts(answer))) return null
  // Another tab may run the answer.
  const isRunning = since !== null || (stage === null && state === 'running' && text === '')

  function fold (event: MouseEvent): void {
    event.preventDefault()
    onFold()
    isOpen.value = !isOpen.value
    // The title of long thoughts stays on the screen, so its place may be above.
    if (!isOpen.value) requestAnimationFrame(() => title.current?.scrollIntoView({ block: 'nearest' }))
  }

  return (
    // Screen readers hear from the stage that the model thinks, and read the thoughts on request.
    <details class='thoughts' open={isOpen.value} aria-live='off'>
      <summary class='thoughts-title' ref={title} data-running={isRunning} onClick={fold}>
        {isRunning
          ? <>{t('stage.thinking')}{since !== null && <Seconds since={since} />}</>
          : translate(thoughtFor(thoughts))}
      </summary>
      {isOpen.value && <Text thoughts={thoughts} isRunning={isRunning} />}
    </details>
  )
}

function Text ({ thoughts: { text }, isRunning }: { thoughts: Thoughts, isRunning: boolean }) {
  return (
    <div class='thoughts-text'>
      <Markdown text={text} isRunning={isRunning} marks={[]} />
      {!isRunning && <CopyButton text={() => text.trim()} label={t('thoughts.copy')} />}
    </div>
  )
}

/** The running seconds, only for the eye: the name of the title must not change every second. */
function Seconds ({ since }: { since: number }) {
  const seconds = useSeconds(since)
  return <span class='thoughts-seconds' aria-hidden='true'> {t('thoughts.seconds', { seconds })}</span>
}
