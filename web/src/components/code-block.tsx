import { t } from '../i18n/index.ts'
import '../styles/code.css'
import '../styles/highlight.css'
import { highlighted, type CodePiece } from '../text/highlight.ts'
import { grammarOf } from '../text/languages.ts'
import { CopyButton } from './copy-button.tsx'
import { ScrollArea } from './scroll-area.tsx'

export interface CodeBlockProps {
  code: string
  /** As the fence names it; may be empty. */
  language: string
}

export function CodeBlock ({ code, language }: CodeBlockProps) {
  const grammar = grammarOf(language)
  return (
    <div class='code'>
      <div class='code-header'>
        <span class='code-language'>{language}</span>
        <CopyButton text={() => code} label={t('code.copy')} />
      </div>
      <ScrollArea class='code-scroll' label={language === '' ? t('code.label') : t('code.labelIn', { language })}>
        <pre class='code-text'><code>{grammar === null ? code : <Pieces pieces={highlighted(code, grammar)} />}</code></pre>
      </ScrollArea>
    </div>
  )
}

function Pieces ({ pieces }: { pieces: readonly CodePiece[] }) {
  return <>{pieces.map((piece, i) => typeof piece === 'string' ? piece : <span key={i} class={classOf(piece.scope)}><Pieces pieces={piece.content} /></span>)}</>
}

/** `title.function` is drawn as a title unless it has a colour of its own. */
function classOf (scope: string): string {
  return scope.split('.').map(part => `hl-${part}`).join(' ')
}
