import type { ComponentChildren } from 'preact'

export interface ScrollAreaProps { label: string, class: string, children: ComponentChildren }

/**
 * Scrolls wide content on its own, also with the arrow keys. It is a group and not a region, because an answer with ten
 * tables should not add ten landmarks.
 */
export function ScrollArea ({ label, class: classes, children }: ScrollAreaProps) {
  return <div class={classes} tabIndex={0} role='group' aria-label={label}>{children}</div>
}
