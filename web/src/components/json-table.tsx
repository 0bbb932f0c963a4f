import { t } from '../i18n/index.ts'
import { pathTo, type JsonTable } from '../model/json-view.ts'
import { JsonValue } from './json-value.tsx'
import { ScrollArea } from './scroll-area.tsx'
import { Some } from './some.tsx'

export interface JsonTablesProps {
  tables: readonly JsonTable[]
  /** See `markedPaths`. */
  keys: ReadonlyMap<string, string>
}

export function JsonTables ({ tables, keys }: JsonTablesProps) {
  return <>{tables.map((table, i) => <Table key={i} table={table} keys={keys} />)}</>
}

function Table ({ table: { name, columns, rows }, keys }: { table: JsonTable, keys: JsonTablesProps['keys'] }) {
  return (
    <ScrollArea class='json-table' label={name ?? t('json.table')}>
      <table>
        {name !== null && <caption>{name}</caption>}
        <thead><tr>{columns.map(column => <th key={column} scope='col'>{column}</th>)}</tr></thead>
        <tbody>
          <Some
            of={rows} more={button => <tr><td colSpan={columns.length}>{button}</td></tr>}
            item={({ path, value }) => (
              <tr key={path}>
                {columns.map(column => (
                  <td key={column}>
                    {Object.hasOwn(value, column) && (
                      <JsonValue value={value[column]} markKey={keys.get(pathTo(path, column))} />
                    )}
                  </td>
                ))}
              </tr>
            )}
          />
        </tbody>
      </table>
    </ScrollArea>
  )
}
