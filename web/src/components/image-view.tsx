import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import type { StoredImage } from '../model/conversation.ts'
import { decodePreview, useImageUrl } from '../state/image-urls.ts'
import { Icon } from './icon.tsx'
import { useNearness } from './use-nearness.ts'
import '../styles/image-view.css'

export interface ImageViewProps {
  image: Pick<StoredImage, 'key' | 'name' | 'page'>
  /** Empty when the surrounding element names the image. */
  alt?: string
  /** Loads the image even when it is far from the screen. */
  isAlwaysNear?: boolean
  /** Hides the text of a placeholder when there is no room for it. */
  isSmall?: boolean
  onSize?: (width: number, height: number) => void
}

/**
 * An image that fills its parent element, or the reason why it cannot be shown. Pass the image's key as `key`, because
 * the component keeps the URL of one image.
 */
export function ImageView (
  { image, alt = '', isAlwaysNear = false, isSmall = false, onSize }: ImageViewProps
) {
  const { key, name } = image
  const place = useRef<HTMLSpanElement>(null)
  const isNear = useNearness(place)
  const url = useImageUrl(image, isNear || isAlwaysNear)
  const isRefused = useSignal(false)
  const isUnreadable = isRefused.value || url === ''
  // The URL of the preview replaces that of the file. When the preview itself fails, its URL does not change.
  const failed = useRef<string | null>(null)
  async function showPreview (): Promise<void> {
    const isNew = failed.current === null
    failed.current = url ?? null
    if (!isNew || await decodePreview(key) === null) isRefused.value = true
  }
  return (
    <span class='image-view' ref={place}>
      {typeof url === 'string' && !isUnreadable && (
        <img
          src={url} alt={alt} draggable={false} decoding='async'
          onError={() => { void showPreview() }}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => onSize?.(naturalWidth, naturalHeight)}
        />
      )}
      {url === null && <Placeholder words={t('image.gone')} isSmall={isSmall} />}
      {typeof url === 'string' && isUnreadable && (
        <Placeholder words={t('image.noPreview')} ending={endingOf(name)} isSmall={isSmall} />
      )}
    </span>
  )
}

function Placeholder ({ words, ending, isSmall }: { words: string, ending?: string, isSmall: boolean }) {
  return (
    <span class='image-view-instead' title={words}>
      <Icon name='image' />
      {ending && <span aria-hidden='true'>{ending}</span>}
      <span class={isSmall ? 'visually-hidden' : ''}>{words}</span>
    </span>
  )
}

/** The file extension in upper case, e.g. TIFF. */
function endingOf (name: string): string {
  return /\.(\w{2,4})$/.exec(name)?.[1]?.toUpperCase() ?? ''
}
