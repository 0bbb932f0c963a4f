import { t } from '../i18n/index.ts'
import type { StoredImage } from '../model/conversation.ts'
import { openLightbox } from './lightbox-state.ts'
import { ImageView } from './image-view.tsx'
import '../styles/question-images.css'

export interface QuestionImagesProps {
  images: readonly StoredImage[]
  /** The number of the first image in the conversation. */
  firstNumber: number
}

/** The images of a question that was sent. */
export function QuestionImages ({ images, firstNumber }: QuestionImagesProps) {
  if (images.length === 0) return null
  const shown = images.map((image, i) => ({ image, number: firstNumber + i }))
  return (
    <ul class='question-images'>
      {shown.map(({ image, number }, index) => (
        <li key={image.key}>
          <button
            type='button' class='question-images-open' title={image.name}
            onClick={() => openLightbox({ images: shown, index })}
          >
            <span class='visually-hidden'>
              {t('image.enlarge', { name: t('image.named', { number, name: image.name }) })}
            </span>
            <ImageView key={image.key} image={image} />
            <span class='question-images-number' aria-hidden='true'>{number}</span>
          </button>
        </li>
      ))}
    </ul>
  )
}
