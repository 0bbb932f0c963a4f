import { formatBytes, t } from '../i18n/index.ts'
import type { Run, Stage } from '../state/runs.ts'

/** Shows the progress of a question. */
export function StageView ({ run }: { run: Run }) {
  const stage = run.stage.value
  const share = shareOf(stage)
  // The thoughts themselves show that the model thinks, but not to screen readers.
  const classes = stage.name === 'thinking' ? 'stage visually-hidden' : 'stage'
  return (
    <div class={classes} data-stage={stage.name}>
      <p class='stage-words'>{wordsOf(stage)}</p>
      {share !== null && <progress class='stage-bar' value={share} max={1} aria-label={wordsOf(stage)} />}
      {stage.name === 'waiting' && (
        <span class='stage-buttons'>
          <button type='button' class='button' onClick={() => run.retryNow()}>{t('stage.retryNow')}</button>
          <button type='button' class='button' onClick={() => run.stop()}>{t('app.cancel')}</button>
        </span>
      )}
    </div>
  )
}

function wordsOf (stage: Stage): string {
  switch (stage.name) {
    case 'waiting': return t(stage.why === 'busy' ? 'stage.busy' : 'stage.notReady', { seconds: stage.seconds })
    case 'uploading': return t('stage.uploading', { sent: formatBytes(stage.sent), total: formatBytes(stage.total) })
    case 'preparing': return t(stage.images > 0 ? 'stage.preparing' : 'stage.preparingText')
    case 'encoding': return t('stage.encoding', { number: Math.min(stage.done + 1, stage.total), total: stage.total })
    case 'reading': return t('stage.reading', { percent: Math.floor(100 * stage.done / Math.max(1, stage.total)) })
    case 'thinking': return t('stage.thinking')
    case 'answering': return t('stage.answering')
  }
}

function shareOf (stage: Stage): number | null {
  switch (stage.name) {
    case 'uploading': return stage.total > 0 ? stage.sent / stage.total : 0
    case 'encoding': case 'reading': return stage.done / Math.max(1, stage.total)
    default: return null
  }
}
