import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import type { StoredImage } from '../model/conversation.ts'
import { useImageUrl } from '../state/image-urls.ts'
import { Icon } from './icon.tsx'
import { useNearness } from './use-nearness.ts'
import '../styles/image-view.css'

export interface ImageViewProps {
  image: Pick<StoredImage, 'key' | 'name'>
  /** Empty where what stands around it says it. */
  alt?: string
  /** In the lightbox nothing is far away. */
  isAlwaysNear?: boolean
  /** Fills its place without a word where there is no room for any. */
  isSmall?: boolean
  onSize?: (width: number, height: number) => void
}

/** A picture that fills the element around it, or why it cannot be seen. Give it the picture's key: an address belongs to one picture. */
export function ImageView ({ image: { key, name }, alt = '', isAlwaysNear = false, isSmall = false, onSize }: ImageViewProps) {
  const place = useRef<HTMLSpanElement>(null)
  const isNear = useNearness(place)
  const url = useImageUrl(key, isNear || isAlwaysNear)
  const isUnreadable = useSignal(false)
  return (
    <span class='image-view' ref={place}>
      {typeof url === 'string' && !isUnreadable.value && (
        <img
          src={url} alt={alt} draggable={false} decoding='async'
          onError={() => { isUnreadable.value = true }}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => onSize?.(naturalWidth, naturalHeight)}
        />
      )}
      {url === null && <Instead words={t('image.gone')} isSmall={isSmall} />}
      {typeof url === 'string' && isUnreadable.value && <Instead words={t('image.noPreview')} ending={endingOf(name)} isSmall={isSmall} />}
    </span>
  )
}

function Instead ({ words, ending, isSmall }: { words: string, ending?: string, isSmall: boolean }) {
  return (
    <span class='image-view-instead' title={words}>
      <Icon name='image' />
      {ending && <span aria-hidden='true'>{ending}</span>}
      <span class={isSmall ? 'visually-hidden' : ''}>{words}</span>
    </span>
  )
}

/** e.g. TIFF */
function endingOf (name: string): string {
  return /\.(\w{2,4})$/.exec(name)?.[1]?.toUpperCase() ?? ''
}
