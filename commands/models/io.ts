/** The outputs of a command. */
export interface Io {
  /** Writes a line of the result. */
  out (text: string): void
  /** Receives progress and errors. */
  err: NodeJS.WriteStream
}
