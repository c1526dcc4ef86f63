import type { ComponentChildren } from 'preact'
import { Icon } from './icons'

export interface Column<R> {
  key: string
  header: ComponentChildren
  cell(row: R): ComponentChildren
  /** The column that says what a row is; it takes the room that the others leave. */
  isName?: boolean
  isNumber?: boolean
  /** Left out where the screen is narrow. */
  isWide?: boolean
  isSortable?: boolean
  class?: string
}

export interface Order {
  key: string
  isDescending: boolean
}

export interface RowGroup<R> {
  title: string
  rows: readonly R[]
}

/** A table of rows, in groups with a title where there are any; columns that can be sorted have a button. */
export function DataTable<R>({
  name,
  columns,
  rows,
  groups,
  keyOf,
  order,
  sort,
}: {
  /** Class names of the table. */
  name: string
  columns: readonly (Column<R> | false | undefined)[]
  rows: readonly R[]
  /** In place of `rows`. */
  groups?: readonly RowGroup<R>[] | undefined
  keyOf(row: R): string | number
  order?: Order | null
  sort?(key: string): void
}) {
  const shown = columns.filter((column): column is Column<R> => Boolean(column))
  return (
    <table class={`rows ${name}`}>
      <thead>
        <tr>
          {shown.map((column) => (
            <Header key={column.key} column={column} order={order} sort={sort} />
          ))}
        </tr>
      </thead>
      {(groups ?? [{ title: '', rows }]).map((group) => (
        <tbody key={group.title}>
          {group.title && (
            <tr class="rows-group">
              <th scope="rowgroup" colSpan={shown.length}>
                {group.title} <span>{group.rows.length}</span>
              </th>
            </tr>
          )}
          {group.rows.map((row) => (
            <tr key={keyOf(row)}>
              {shown.map((column) =>
                column.isName ? (
                  <th key={column.key} scope="row" class={classOf(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.key} class={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      ))}
    </table>
  )
}

function Header<R>({
  column,
  order,
  sort,
}: {
  column: Column<R>
  order: Order | null | undefined
  sort: ((key: string) => void) | undefined
}) {
  const { key, header } = column
  const classes = [column.isNumber && 'number', column.isWide && 'wide'].filter(Boolean).join(' ')
  if (!sort || !column.isSortable)
    return (
      <th scope="col" class={classes}>
        {header}
      </th>
    )
  const isChosen = order?.key === key
  return (
    <th
      scope="col"
      class={classes}
      aria-sort={isChosen ? (order.isDescending ? 'descending' : 'ascending') : undefined}
    >
      <button type="button" onClick={() => sort(key)}>
        {header}
        {isChosen && <Icon name={order.isDescending ? 'down' : 'up'} size={12} />}
      </button>
    </th>
  )
}

function classOf<R>(column: Column<R>): string {
  const names = [column.isName && 'name', column.isNumber && 'number', column.isWide && 'wide', column.class]
  return names.filter(Boolean).join(' ')
}
