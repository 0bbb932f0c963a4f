import { t } from '../i18n/index.ts'
import { askSample, samples } from '../state/samples.ts'
import { focusQuestion } from './focus-question.ts'
import '../styles/samples.css'

/** Questions with images of ours; a click on one sends it. */
export function Samples () {
  const offered = samples.value
  if (offered.length === 0) return null
  return (
    <div class='samples' role='group' aria-labelledby='samples-title'>
      <h3 id='samples-title' class='samples-title'>{t('start.samples')}</h3>
      <ul class='samples-list'>
        {offered.map(sample => (
          <li key={sample.question}>
            <button
              type='button' class='button samples-one'
              onClick={() => { void askSample(sample).then(isSent => { if (isSent) focusQuestion() }) }}
            >
              <span class='samples-images'>
                {sample.images.map(({ name, url }) => <img key={name} src={url} alt='' loading='lazy' />)}
              </span>
              <span>{t(sample.question)}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
