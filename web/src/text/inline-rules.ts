import type { TokenizerAndRendererExtension, TokenizerThis } from 'marked'

/** No spaces at the inner edges; inline code may contain stars. */
const STRONG = /^\*\*(?=[^\s*])((?:\\[^\n]|`[^`\n]*`|\*(?!\*)|\n(?![ \t]*\n)|[^\\*`\n])+?)(?<=[^\s*])\*\*(?!\*)/
/** A URL that ends at a Chinese or Japanese punctuation mark. */
const ADDRESS = /^https?:\/\/[^\s<>"`，。；：、！？（）《》〈〉「」『』【】“”‘’…]+(?=[，。；：、！？（）《》〈〉「」『』【】“”‘’…])/
const LINE_BREAK = /^<br\s*\/?>/i

/** Exceptions from GFM that match how models write Markdown. */
export const INLINE_RULES: TokenizerAndRendererExtension[] = [{
  // GFM needs a space next to punctuation at the edge, but Chinese has none: **重点：**价格.
  // https://github.com/commonmark/commonmark-spec/issues/650
  name: 'strong-next-to-punctuation',
  level: 'inline',
  tokenizer (this: TokenizerThis, text: string) {
    const [raw, inner] = STRONG.exec(text) ?? []
    return raw === undefined || inner === undefined
      ? undefined
      : { type: 'strong', raw, text: inner, tokens: this.lexer.inlineTokens(inner) }
  }
}, {
  // GFM continues the URL until the next space: https://example.cn。谢谢
  name: 'url-before-punctuation',
  level: 'inline',
  tokenizer (this: TokenizerThis, text: string) {
    const found = this.lexer.state.inLink ? null : ADDRESS.exec(text)
    if (found === null) return
    const [raw] = found
    return { type: 'link', raw, href: raw, text: raw, autolink: true, tokens: [{ type: 'text', raw, text: raw }] }
  }
}, {
  // Models use it as the only possible line break in a table cell.
  name: 'line-break',
  level: 'inline',
  tokenizer (this: TokenizerThis, text: string) {
    const found = LINE_BREAK.exec(text)
    return found === null ? undefined : { type: 'br', raw: found[0] }
  }
}]
