import type { ComponentChildren } from 'preact'

export interface ScrollAreaProps { label: string, class: string, children: ComponentChildren }

/** What is wider than the page moves on its own, also by the arrow keys. A group and no region: an answer with ten tables is not ten landmarks. */
export function ScrollArea ({ label, class: classes, children }: ScrollAreaProps) {
  return <div class={classes} tabIndex={0} role='group' aria-label={label}>{children}</div>
}
