import { t } from '../i18n/index.ts'
import type { Picture } from '../model/conversation.ts'
import { openLightbox } from './lightbox-state.ts'
import { PictureImage } from './picture-image.tsx'
import '../styles/question-pictures.css'

export interface QuestionPicturesProps {
  pictures: readonly Picture[]
  /** Of the first of them, among all of the conversation. */
  firstNumber: number
}

/** The pictures of a question that was asked. */
export function QuestionPictures ({ pictures, firstNumber }: QuestionPicturesProps) {
  if (pictures.length === 0) return null
  const shown = pictures.map((picture, i) => ({ picture, number: firstNumber + i }))
  return (
    <ul class='question-pictures'>
      {shown.map(({ picture, number }, index) => (
        <li key={picture.key}>
          <button
            type='button' class='question-pictures-open' title={picture.name}
            onClick={() => openLightbox({ pictures: shown, index })}
          >
            <span class='visually-hidden'>{t('picture.enlarge', { name: t('picture.named', { number, name: picture.name }) })}</span>
            <PictureImage key={picture.key} picture={picture} />
            <span class='question-pictures-number' aria-hidden='true'>{number}</span>
          </button>
        </li>
      ))}
    </ul>
  )
}
