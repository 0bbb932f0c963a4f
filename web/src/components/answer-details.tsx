import type { ChatDone } from '../api/types.ts'
import { formatBytes, formatNumber, t } from '../i18n/index.ts'
import type { StoredImage } from '../model/conversation.ts'

const COLUMNS = ['image', 'original', 'sent', 'tokens', 'cached'] as const

/** A collapsed section with the receipts of the images and the timings. */
export function AnswerDetails ({ done, images }: { done: ChatDone, images: readonly StoredImage[] }) {
  const { images: receipts, usage, timings, model } = done
  const seconds = (ms: number) => formatNumber(ms / 1000, ms < 10_000 ? 2 : 1)
  const rate = timings.decode_ms > 0 ? usage.completion_tokens / (timings.decode_ms / 1000) : null
  return (
    <details class='details'>
      <summary>{t('details.title')}</summary>
      {receipts.length > 0 && (
        <div class='details-scroll' tabIndex={0} role='region' aria-label={t('details.title')}>
          <table class='details-table'>
            <thead>
              <tr>{COLUMNS.map(name => <th key={name} scope='col'>{t(`details.${name}`)}</th>)}</tr>
            </thead>
            <tbody>
              {receipts.map(({ id, original, sent, format, bytes, tokens, scaled, cached }, i) => (
                <tr key={i}>
                  <th scope='row'>{(images[i] ?? images.find(it => it.id === id))?.name ?? id.slice(0, 15)}</th>
                  <td>{original.width} × {original.height}, {format.toUpperCase()}, {formatBytes(bytes)}</td>
                  <td>{sent.width} × {sent.height}{scaled && <>, {t('details.scaled')}</>}</td>
                  <td>{formatNumber(tokens)}</td>
                  <td>{t(cached ? 'details.yes' : 'details.no')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <ul class='details-list'>
        {rate !== null && <li>{t('details.speed', { rate: formatNumber(rate, 1) })}</li>}
        <li>{t('details.firstToken', { seconds: seconds(timings.ttft_ms) })}</li>
        {/* Answers that earlier versions of the page stored have no such numbers. */}
        {usage.thinking_tokens > 0 && (
          <li>
            {t('details.thinking', {
              tokens: formatNumber(usage.thinking_tokens), seconds: seconds(timings.thinking_ms)
            })}
          </li>
        )}
        <li>{t('details.total', { seconds: seconds(timings.total_ms) })}</li>
        <li>
          {t('details.usage', {
            prompt: formatNumber(usage.prompt_tokens),
            cached: formatNumber(usage.cached_tokens),
            completion: formatNumber(usage.completion_tokens)
          })}
        </li>
        <li>{t('details.model', { model })}</li>
      </ul>
    </details>
  )
}
