import { useMemo } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { imagesOf, type Answer, type StoredImage, type Turn } from '../model/conversation.ts'
import { markedImages, type Mark, type MarkedImage } from '../model/marks.ts'
import type { Size } from '../model/zoom.ts'
import { pointed } from '../state/pointed.ts'
import { openLightbox } from './lightbox-state.ts'
import { ImageView } from './image-view.tsx'
import { nameOf, ImageMarks, pointingAt } from './image-marks.tsx'
import '../styles/answer-boxes.css'

/** Higher images are scaled down. */
const MAX_HEIGHT = '22rem'

export interface AnswerBoxesProps {
  answer: Answer
  /** All turns of the conversation; the answer may refer to any of their images. */
  turns: readonly Turn[]
}

/** Draws the boxes and points of an answer over the images. Renders nothing when there are none. */
export function AnswerBoxes ({ answer: { id, done }, turns }: AnswerBoxesProps) {
  const marked = useMemo(() => done ? markedImages(id, done, imagesOf(turns)) : [], [id, done, turns])
  if (marked.length === 0) return null
  const enlarged = marked.flatMap(({ image, number, marks }) => image ? [{ image, number, marks }] : [])
  function open ({ marks }: MarkedImage): void {
    openLightbox({ images: enlarged, index: enlarged.findIndex(it => it.marks === marks) })
  }

  return (
    <section class='answer-boxes' aria-label={t('boxes.title')}>
      {marked.map(it => (
        <figure key={it.id} class='answer-boxes-figure'>
          <figcaption>
            {it.image
              ? t('image.named', { number: it.number, name: it.image.name })
              : t('image.number', { number: it.number })}
          </figcaption>
          {it.image
            ? <Marked {...it} image={it.image} onOpen={() => open(it)} />
            : <p class='answer-boxes-gone'>{t('image.gone')}</p>}
          <Chips marks={it.marks} />
        </figure>
      ))}
    </section>
  )
}

function Marked ({ image, marks, onOpen }: MarkedImage & { image: StoredImage, onOpen: () => void }) {
  const { key, name, width, height } = image
  // An image with marks always has a size, because its receipt contained one.
  const size = width === null || height === null ? null : { width, height }
  return (
    <button type='button' class='answer-boxes-open' onClick={onOpen}>
      <span class='visually-hidden'>{t('image.enlarge', { name })}</span>
      <span class='answer-boxes-frame' style={size ? frameStyle(size) : {}}>
        <ImageView key={key} image={image} />
        {size && <ImageMarks size={size} marks={marks} />}
      </span>
    </button>
  )
}

function frameStyle ({ width, height }: Size) {
  return { aspectRatio: `${width} / ${height}`, width: `min(100%, calc(${MAX_HEIGHT} * ${width / height}))` }
}

function Chips ({ marks }: { marks: readonly Mark[] }) {
  return (
    <ul class='answer-boxes-chips'>
      {marks.map(mark => <li key={mark.key}><Chip mark={mark} /></li>)}
    </ul>
  )
}

function Chip ({ mark }: { mark: Mark }) {
  const { key, kind, colour } = mark
  const name = nameOf(mark)
  const pointing = pointingAt(mark)
  return (
    <button
      type='button' data-mark={key}
      class={`answer-boxes-chip mark-${colour} ${pointed.value === key ? 'is-pointed' : ''}`}
      aria-label={t('boxes.show', { label: name })} {...pointing}
      // A touch ends with `pointerleave` before the click, and not every browser focuses a clicked button.
      onClick={() => pointing.onFocus()}
    >
      <span class={`answer-boxes-swatch ${kind}`} />
      {name}
    </button>
  )
}
