/** A piece of code: plain text, or pieces within a scope that highlight.js names, such as `keyword`. */
export type CodePiece = string | { scope: string, content: CodePiece[] }
