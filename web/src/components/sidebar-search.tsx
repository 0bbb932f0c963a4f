import { t } from '../i18n/index.ts'
import { query } from '../state/search.ts'
import { Icon, IconButton } from './icon.tsx'

export function SidebarSearch () {
  function onKeyDown (event: KeyboardEvent & { currentTarget: HTMLInputElement }): void {
    if (event.key === 'ArrowDown') {
      event.preventDefault()
      event.currentTarget.closest('.sidebar')?.querySelector<HTMLElement>('.sidebar-open')?.focus()
    } else if (event.key === 'Escape' && query.value !== '') {
      // Escape clears the search and leaves the drawer open.
      event.preventDefault()
      query.value = ''
    }
  }

  return (
    <div class='sidebar-search' role='search'>
      <Icon name='search' />
      <input
        class='input' type='text' inputmode='search' enterkeyhint='search' autocomplete='off' spellcheck={false}
        aria-label={t('list.search')} placeholder={t('list.search')}
        value={query.value} onInput={({ currentTarget }) => { query.value = currentTarget.value }} onKeyDown={onKeyDown}
      />
      {query.value !== '' && <IconButton icon='close' label={t('list.clear')} onClick={() => { query.value = '' }} />}
    </div>
  )
}
