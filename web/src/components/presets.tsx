import { t, type Key } from '../i18n/index.ts'

const PRESETS: ReadonlyArray<[name: Key, prompt: Key]> = [
  ['start.describe', 'start.describePrompt'],
  ['start.read', 'start.readPrompt'],
  ['start.compare', 'start.comparePrompt'],
  ['start.table', 'start.tablePrompt']
]

/** Buttons with common questions. */
export function Presets ({ onPick }: { onPick: (prompt: string) => void }) {
  return (
    <div class='presets' role='group' aria-label={t('composer.presets')}>
      {PRESETS.map(([name, prompt]) => (
        <button key={name} type='button' class='button presets-one' title={t(prompt)} onClick={() => onPick(t(prompt))}>
          {t(name)}
        </button>
      ))}
    </div>
  )
}
