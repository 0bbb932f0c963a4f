import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import css from 'highlight.js/lib/languages/css'
import go from 'highlight.js/lib/languages/go'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import markdown from 'highlight.js/lib/languages/markdown'
import python from 'highlight.js/lib/languages/python'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'
import type { Emitter } from 'highlight.js'
import type { CodePiece } from './code-piece.ts'

const LANGUAGES = { bash, c, cpp, css, go, java, javascript, json, markdown, python, rust, sql, typescript, xml, yaml }
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language)

/** Collects pieces instead of HTML, so no text of a model is parsed as HTML. */
class PieceEmitter implements Emitter {
  readonly pieces: CodePiece[] = []
  readonly #open: CodePiece[][] = [this.pieces]

  startScope (name: string): void {
    const content: CodePiece[] = []
    this.#top.push({ scope: name, content })
    this.#open.push(content)
  }

  endScope (): void {
    this.#open.pop()
  }

  // highlight.js uses both names for these two methods.
  openNode (name: string): void { this.startScope(name) }
  closeNode (): void { this.endScope() }

  addText (text: string): void {
    if (text !== '') this.#top.push(text)
  }

  __addSublanguage (emitter: Emitter): void {
    if (emitter instanceof PieceEmitter) this.#top.push(...emitter.pieces)
  }

  toHTML (): string { return '' }
  finalize (): void { this.#open.length = 1 }

  get #top (): CodePiece[] {
    return this.#open[this.#open.length - 1] ?? this.pieces
  }
}

// lowlight uses the same option to get other output than HTML.
hljs.configure({ __emitter: PieceEmitter })

export function highlight (code: string, grammar: string): CodePiece[] {
  const { _emitter: emitter } = hljs.highlight(code, { language: grammar, ignoreIllegals: true })
  return emitter instanceof PieceEmitter ? emitter.pieces : [code]
}
