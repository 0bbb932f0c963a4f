import type { Token } from 'node-llama-cpp'
import type { ThinkingMode } from '../../engine.ts'
import { THOUGHT_TAGS } from '../../thought-tags.ts'
import type { SpecialTokens } from './special-tokens.ts'
import type { ChatTemplate } from './template.ts'

/** The tokens around thoughts, as a model's template writes them. */
export interface ThoughtSyntax {
  mode: ThinkingMode
  openTag: Token
  closeTag: Token
  /** Begin thoughts where the template leaves that to the model. Mostly empty. */
  opening: Token[]
  /** Between the last thought and the closing tag. */
  beforeClose: Token[]
  /** Between the closing tag and the answer. */
  afterClose: Token[]
}

/** The line breaks of Qwen's templates, for templates that render no thoughts in a history. */
const USUAL = { begin: '\n', beforeClose: '\n', afterClose: '\n\n' }

/**
 * Finds out whether a model thinks, from the beginning of an answer that its template renders with and without
 * thoughts.
 * @returns null if the vocabulary has no tokens for thoughts
 */
export function findThoughtSyntax (template: ChatTemplate, specials: SpecialTokens): ThoughtSyntax | null {
  const [openTag, closeTag] = [specials.find(THOUGHT_TAGS.open), specials.find(THOUGHT_TAGS.close)]
  if (openTag === null || closeTag === null) return null
  const [without, complete] = [template.answerStart(false), template.answerStart(true)]
  const mode = modeOf(without, complete)
  const opensItself = isOpen(without) || isOpen(complete)
  const { beforeClose, afterClose } = breaksAround(template.renderThoughts()) ?? USUAL
  const tokensOf = (text: string) => text === '' ? [] : specials.tokenize(text, false)
  return {
    mode,
    openTag,
    closeTag,
    opening: mode === 'never' || opensItself ? [] : [openTag, ...tokensOf(USUAL.begin)],
    beforeClose: tokensOf(beforeClose),
    afterClose: tokensOf(afterClose)
  }
}

/**
 * Returns the tokens that end the thoughts of an answer; none if the answer does not begin with thoughts.
 * @param wanted the request wants thoughts
 */
export function closingOf (syntax: ThoughtSyntax | null, wanted: boolean): Token[] {
  if (syntax === null || syntax.mode === 'never' || (syntax.mode === 'optional' && !wanted)) return []
  return closingTokens(syntax)
}

/** Returns the tokens that end thoughts. */
export function closingTokens ({ beforeClose, closeTag, afterClose }: ThoughtSyntax): Token[] {
  return [...beforeClose, closeTag, ...afterClose]
}

/**
 * @param without beginning of an answer without thoughts
 * @param complete beginning of an answer with thoughts
 */
function modeOf (without: string, complete: string): ThinkingMode {
  if (isOpen(without)) return 'always'
  // Some templates leave the opening tag to the model, and write empty thoughts to prevent it.
  return isOpen(complete) || (without !== complete && without.includes(THOUGHT_TAGS.close)) ? 'optional' : 'never'
}

function isOpen (text: string): boolean {
  return text.lastIndexOf(THOUGHT_TAGS.open) > text.lastIndexOf(THOUGHT_TAGS.close)
}

/** Reads the white space around the closing tag from rendered thoughts. */
function breaksAround (rendered: string | null): { beforeClose: string, afterClose: string } | null {
  const { beforeClose, afterClose } =
    /(?<beforeClose>\s*)<\/think>(?<afterClose>\s*)/.exec(rendered ?? '')?.groups ?? {}
  return beforeClose === undefined || afterClose === undefined ? null : { beforeClose, afterClose }
}
