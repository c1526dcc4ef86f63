"""Copying the rows of one table from SQLite to PostgreSQL, a few at a time, each time with how far it got."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from storage.postgres.connections import Link

__all__ = ["ROWS_MAX", "TableCopy", "source_tables", "target_columns"]

ROWS_MAX: Final = 2000
_BYTES_MAX: Final = 4 << 20
"""What one transaction inserts at most, unless a single row is larger."""

_COLUMNS: Final = """
SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""

_NOTE: Final = "UPDATE otto_transfer SET place = $2 WHERE name = $1"

_Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class TableCopy:
    """What of a table is copied.

    Attributes:
        name: of the table, in both databases.
        renamed: columns that have another name in PostgreSQL, by that name.
        added: expressions for columns that SQLite does not have.
        extra: a value for each row from its first column, with the column that it is for.
    """

    name: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, Callable[[Any], Any]] | None = None

    def count(self, source: sqlite3.Connection) -> int:
        """How many rows there are."""
        return int(source.execute(f'SELECT count(*) FROM "{self.name}"').fetchone()[0])  # noqa: S608 - a table's name

    def left_out(self, source: sqlite3.Connection, link: Link) -> list[str]:
        """Columns that PostgreSQL's table does not have."""
        taken = {self.renamed.get(name, name) for name in target_columns(link, self.name)}
        columns = [row[1] for row in source.execute(f'PRAGMA table_info("{self.name}")')]
        return [f"{self.name}.{name}" for name in columns if name not in taken]

    def run(self, source: sqlite3.Connection, link: Link, done: int) -> Iterator[int]:
        """Insert what comes after the first ``done`` rows; yields how many there are now, after each transaction."""
        kinds = target_columns(link, self.name)
        there = {row[1] for row in source.execute(f'PRAGMA table_info("{self.name}")')}
        columns = [name for name in kinds if self.renamed.get(name, name) in there]
        wanted = ", ".join(f'"{self.renamed.get(name, name)}"' for name in columns)
        order = ", ".join(_key(source, self.name))
        rows = source.execute(f'SELECT {wanted} FROM "{self.name}" ORDER BY {order} LIMIT -1 OFFSET ?', (done,))  # noqa: S608
        query = self._insert(kinds, columns)
        for batch in _batches(rows):
            values = [[_value(kinds[name], row[place]) for row in batch] for place, name in enumerate(columns)]
            if self.extra is not None:
                values.append([self.extra[1](row[0]) for row in batch])
            done += len(batch)
            link.execute("BEGIN")
            try:
                link.execute(query, *values)
                link.execute(_NOTE, self.name, done)
                link.execute("COMMIT")
            except BaseException:
                link.drop()
                raise
            yield done

    def _insert(self, kinds: Mapping[str, str], columns: Sequence[str]) -> str:
        names = [f'"{name}"' for name in columns]
        values = [_expression(kinds[name], f"v{place}") for place, name in enumerate(columns)]
        arrays = ["bytea[]" if kinds[name] == "bytea" else "text[]" for name in columns]
        if self.extra is not None:
            names.append(self.extra[0])
            values.append(_expression(kinds[self.extra[0]], f"v{len(arrays)}"))
            arrays.append("text[]")
        given = ", ".join(f"${place + 1}::{kind}" for place, kind in enumerate(arrays))
        taken = ", ".join(f"v{place}" for place in range(len(arrays)))
        return (
            f'INSERT INTO "{self.name}" ({", ".join([*names, *self.added])}) '  # noqa: S608 - names of columns
            f"SELECT {', '.join([*values, *self.added.values()])} FROM unnest({given}) AS rows ({taken})"
        )


def source_tables(source: sqlite3.Connection) -> set[str]:
    """The names of all tables."""
    return {name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def target_columns(link: Link, table: str) -> dict[str, str]:
    """The columns of a table and their types; none without a table."""
    return dict(link.fetch(_COLUMNS, table))


def _key(source: sqlite3.Connection, table: str) -> list[str]:
    """The columns of the primary key, in its order; there are tables without one."""
    key = sorted((row[5], row[1]) for row in source.execute(f'PRAGMA table_info("{table}")') if row[5])
    return [f'"{name}"' for _, name in key] or ["rowid"]


def _batches(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
        if len(batch) == ROWS_MAX or size >= _BYTES_MAX:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _expression(kind: str, name: str) -> str:
    if kind in ("bigint", "integer", "smallint"):
        return f"{name}::numeric::{kind}"
    if kind == "boolean":
        return f"{name}::integer::boolean"
    return name if kind in ("bytea", "text") else f"{name}::{kind}"


def _value(kind: str, value: object) -> object:
    """A value as its column takes it: SQLite's columns hold anything."""
    if value is None:
        return None
    if kind == "bytea":
        return value if isinstance(value, bytes) else str(value).encode()
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    if kind.startswith("timestamp"):
        return _time(text)
    return text.replace("\0", "\ufffd")


def _time(text: str) -> str | None:
    """UTC without a time zone; what is no time is none."""
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(text.strip())
        return str(found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found)
    return None
