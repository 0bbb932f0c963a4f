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
 * Renders an answer as elements without HTML, so no text of a model (or of an image that it quotes) is parsed as HTML.
 * While the answer grows, only its last block is rendered again.
 */
export function Markdown ({ text, isRunning, marks }: MarkdownProps) {
  const split = useMemo(createSplitter, [])
  const blocks = useMemo(() => split(text, isRunning), [text, isRunning])
  // The caller may create a new list for each render.
  const marker = useMemo(() => createMarker(marks), [JSON.stringify(marks)])
  return <div class='markdown'>{blocks.map((block, i) => <Block key={i} block={block} marker={marker} />)}</div>
}

function Block ({ block, marker }: { block: MarkdownBlock, marker: Marker | null }) {
  return useMemo(
    () => <BlockContent token={block.token} heading={block.heading} marker={marker} />,
    [block.key, block.heading, marker]
  )
}
