/** Moves the focus to the question field after the focused element was removed. */
export function focusQuestion (): void {
  document.getElementById('question')?.focus({ preventScroll: true })
}
