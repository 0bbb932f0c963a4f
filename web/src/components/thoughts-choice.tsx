import { t } from '../i18n/index.ts'
import { haveThoughts } from '../model/thoughts.ts'
import { conversations } from '../state/conversations.ts'
import { withThoughts } from '../state/exporting.ts'

/** Adds the thoughts to an export of all conversations. Renders nothing when there are none. */
export function ThoughtsChoice ({ class: classes }: { class: string }) {
  if (!haveThoughts(conversations.value)) return null
  return (
    <label class={classes}>
      <input
        type='checkbox' checked={withThoughts.value}
        onChange={({ currentTarget }) => { withThoughts.value = currentTarget.checked }}
      />
      {t('list.withThoughts')}
    </label>
  )
}
