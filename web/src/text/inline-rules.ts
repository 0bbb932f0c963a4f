import type { TokenizerAndRendererExtension, TokenizerThis } from 'marked'

/** No space inside; code in it may hold stars. */
const STRONG = /^\*\*(?=[^\s*])((?:\\[^\n]|`[^`\n]*`|\*(?!\*)|\n(?![ \t]*\n)|[^\\*`\n])+?)(?<=[^\s*])\*\*(?!\*)/
/** An address that ends at a sign of Chinese or Japanese. */
const ADDRESS = /^https?:\/\/[^\s<>"`，。；：、！？（）《》〈〉「」『』【】“”‘’…]+(?=[，。；：、！？（）《》〈〉「」『』【】“”‘’…])/
const LINE_BREAK = /^<br\s*\/?>/i

/** Where GFM falls short of what models mean. */
export const INLINE_RULES: TokenizerAndRendererExtension[] = [{
  // GFM wants a space where a sign stands at the edge, and Chinese has none: **重点：**价格. https://github.com/commonmark/commonmark-spec/issues/650
  name: 'strong-beside-signs',
  level: 'inline',
  tokenizer (this: TokenizerThis, text: string) {
    const [raw, inner] = STRONG.exec(text) ?? []
    return raw === undefined || inner === undefined
      ? undefined
      : { type: 'strong', raw, text: inner, tokens: this.lexer.inlineTokens(inner) }
  }
}, {
  // GFM reads on to the next space: https://example.cn。谢谢
  name: 'address-before-sign',
  level: 'inline',
  tokenizer (this: TokenizerThis, text: string) {
    const found = this.lexer.state.inLink ? null : ADDRESS.exec(text)
    if (found === null) return
    const [raw] = found
    return { type: 'link', raw, href: raw, text: raw, autolink: true, tokens: [{ type: 'text', raw, text: raw }] }
  }
}, {
  // The only way to a new line in a cell of a table, and models use it there.
  name: 'line-break',
  level: 'inline',
  tokenizer (this: TokenizerThis, text: string) {
    const found = LINE_BREAK.exec(text)
    return found === null ? undefined : { type: 'br', raw: found[0] }
  }
}]
