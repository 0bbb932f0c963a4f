/** Where the keyboard goes on when what had the focus is gone. */
export function focusQuestion (): void {
  document.getElementById('question')?.focus({ preventScroll: true })
}
