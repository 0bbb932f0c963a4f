/** SVG paths on a grid of 24 × 24. */
const SHAPES = {
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M5 12h14M13 6l6 6-6 6',
  stop: 'M7 7h10v10H7z',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9.5h.01',
  camera: 'M4 8h3l2-3h6l2 3h3v11H4zM12 17a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  settings: 'M4 8h10M18 8h2M4 16h2M10 16h10M16 6v4M8 14v4',
  copy: 'M9 9h10v11H9zM15 9V5H5v11h4',
  check: 'M5 13l4 4L19 7',
  checked: 'M5 5h14v14H5zM8 12l3 3 5-6',
  unchecked: 'M5 5h14v14H5z',
  again: 'M20 11a8 8 0 1 0-2.3 6.300M20 5v6h-6',
  edit: 'M5 19l1-4L16 5l3 3L9 18zM14 7l3 3',
  trash: 'M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M10 11v5M14 11v5',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  upload: 'M12 15V4M7 9l5-5 5 5M5 20h14',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4 4',
  down: 'M6 10l6 6 6-6',
  left: 'M14 6l-6 6 6 6',
  right: 'M10 6l6 6-6 6',
  zoomIn: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4 4M11 8v6M8 11h6',
  zoomOut: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4 4M8 11h6',
  fit: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  braces: 'M9 4c-3 0-3 2-3 4s0 4-2 4c2 0 2 2 2 4s0 4 3 4M15 4c3 0 3 2 3 4s0 4 2 4c-2 0-2 2-2 4s0 4-3 4',
  thought: 'M9 18h6M10 21h4M12 3a6 6 0 0 0-3.500 10.900c.6.5 1 1.200 1 2.100h5c0-.9.4-1.600 1-2.100A6 6 0 0 0 12 3z',
  spark: 'M12 4l1.8 5.200L19 11l-5.2 1.800L12 18l-1.8-5.200L5 11l5.2-1.800z',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01'
}

export type IconName = keyof typeof SHAPES

/** An icon without a text for screen readers; the element around it provides the text. */
export function Icon ({ name }: { name: IconName }) {
  return (
    <svg
      class='icon' viewBox='0 0 24 24' aria-hidden='true' fill='none' stroke='currentColor' stroke-width='1.8'
      stroke-linecap='round' stroke-linejoin='round'
    >
      <path d={SHAPES[name]} />
    </svg>
  )
}

export interface IconButtonProps {
  icon: IconName
  label: string
  onClick?: (event: MouseEvent) => void
  class?: string
  disabled?: boolean
  expanded?: boolean
  controls?: string
  pressed?: boolean
}

/** A button with an icon; the label is shown as a tooltip. */
export function IconButton (
  { icon, label, onClick, class: classes = '', disabled, expanded, controls, pressed }: IconButtonProps
) {
  return (
    <button
      type='button' class={`icon-button ${classes}`} aria-label={label} title={label} onClick={onClick}
      disabled={disabled} aria-expanded={expanded} aria-controls={controls} aria-pressed={pressed}
    >
      <Icon name={icon} />
    </button>
  )
}
