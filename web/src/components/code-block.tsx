import { t } from '../i18n/index.ts'
import '../styles/code.css'
import { grammarOf } from '../text/languages.ts'
import { ColouredCode } from './coloured-code.tsx'
import { CopyButton } from './copy-button.tsx'
import { ScrollArea } from './scroll-area.tsx'

export interface CodeBlockProps {
  code: string
  /** The language after the code fence; may be empty. */
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
        <pre class='code-text'>
          <code>{grammar === null ? code : <ColouredCode key={grammar} code={code} grammar={grammar} />}</code>
        </pre>
      </ScrollArea>
    </div>
  )
}
