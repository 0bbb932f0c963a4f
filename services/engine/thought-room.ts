/**
 * Returns the room for thoughts. They leave room for the answer: for `maxTokens`, or for half of the room if that is
 * less.
 * @param maxTokens limit of the answer
 * @param room tokens for thoughts and answer
 */
export function thoughtRoom (maxTokens: number, room: number): number {
  return room - Math.min(maxTokens, Math.ceil(room / 2))
}
