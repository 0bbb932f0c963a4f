import { useMemo } from 'preact/hooks'
import '../styles/markdown.css'
import { createSplitter, type Block as MarkdownBlock } from '../text/markdown.ts'
import { createMarker, type Marker, type TextMark } from '../text/marks.ts'
import { BlockContent } from './markdown-block.tsx'

export interface MarkdownProps {
  text: string
  isRunning: boolean
  marks: readonly TextMark[]
}

/**
 * An answer. It becomes elements without ever being HTML, so nothing that a model writes (or that a picture makes it write) is read as HTML. While it
 * grows only its last block is drawn again.
 */
export function Markdown ({ text, isRunning, marks }: MarkdownProps) {
  const split = useMemo(createSplitter, [])
  const blocks = useMemo(() => split(text, isRunning), [text, isRunning])
  // Whoever renders this may make the list anew each time.
  const marker = useMemo(() => createMarker(marks), [JSON.stringify(marks)])
  return <div class='markdown'>{blocks.map((block, i) => <Block key={i} block={block} marker={marker} />)}</div>
}

function Block ({ block, marker }: { block: MarkdownBlock, marker: Marker | null }) {
  return useMemo(() => <BlockContent token={block.token} heading={block.heading} marker={marker} />, [block.key, block.heading, marker])
}
