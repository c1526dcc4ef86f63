"""The move of a database from SQLite to PostgreSQL: which tables, in which order, and what makes it complete.

The target has a table ``otto_transfer`` until all is there: how many rows of each table are copied, noted in the
transaction of the rows. So a move that was broken off continues. The journal gets its life last, with the epoch that it
had: positions that clients hold mean the same afterwards.
"""

import bisect
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from storage.errors import DatabaseError
from storage.journal.interface import Ancestor
from storage.journal.sqlite.epoch import newest_record
from storage.postgres.address import plain_url, shown_address
from storage.postgres.connections import Link
from storage.postgres.errors import translate_errors
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import translate_errors as translate_sqlite_errors
from storage.sqlite.schema_version import VERSION_TABLE
from storage.transfer.finish import finish
from storage.transfer.table_copy import TableCopy, source_tables, target_columns

__all__ = ["Transferred", "transfer"]

_NOT_COPIED: Final = frozenset({VERSION_TABLE, "journal_meta", "journal_summaries"})
"""Of SQLite alone: versions and the epoch, which are stored otherwise, and what searches derive from chunks."""

_TARGET_TABLES: Final = """
SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
AND NOT relispartition"""

_REFERENCES: Final = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND conrelid <> confrelid"""


@dataclass(frozen=True, slots=True)
class Transferred:
    """What was moved: rows by table, the epoch and the newest record of the journal.

    ``left_out`` are tables and columns of other programs, which the target does not have.
    """

    rows: dict[str, int]
    epoch: str
    last_record: int
    left_out: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Journal:
    epoch: str
    last_record: int
    lineage: Sequence[Ancestor]


def transfer(path: Path, url: str, on_progress: Callable[[int, int], None] = lambda _, __: None) -> Transferred:
    """Move everything; blocks. Both databases have the present schema, and no gateway uses either of them.

    Args:
        path: the SQLite database, which stays as it is.
        url: the PostgreSQL database, empty or with a part of this move.
        on_progress: called with the rows that are copied, and all rows.

    Raises:
        StorageError: a database cannot be used; or the target has something else in it, or is not what was copied.
    """
    address, link = shown_address(url), Link(plain_url(url))
    with (
        translate_sqlite_errors(path),
        closing(open_connection(path, Access.READ)) as source,
        closing(link),
        translate_errors(address),
    ):
        source.execute("BEGIN")
        journal = _read_journal(source, path)
        tables = _tables(source, link)
        _begin(link, address, journal, tables)
        for day in sorted(_all_days(source)):
            link.fetch("SELECT journal_add_partition($1)", day)
        total = {table.name: table.count(source) for table in tables}
        copied = {row[0]: int(row[1]) for row in link.fetch("SELECT name, place FROM otto_transfer WHERE name <> ''")}
        for table in tables:
            for done in table.run(source, link, copied[table.name]):
                copied[table.name] = done
                on_progress(sum(copied.values()), sum(total.values()))
        _verify(source, link, address, total)
        given = dict(source.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        left_out = sorted(name for name in source_tables(source) - set(total) - _NOT_COPIED if name[:7] != "sqlite_")
        left_out += [column for table in tables for column in table.left_out(source, link)]
        finish(link, address, journal.epoch, journal.last_record, journal.lineage, given)
    return Transferred(total, journal.epoch, journal.last_record, left_out)


def _read_journal(source: sqlite3.Connection, path: Path) -> _Journal:
    meta = dict(source.execute("SELECT name, value FROM journal_meta").fetchall())
    if "epoch" not in meta:
        raise DatabaseError(f"{path} has never been used by a gateway: there is nothing to move")
    lineage = [Ancestor(*each) for each in json.loads(meta.get("ancestry", "[]"))]
    return _Journal(meta["epoch"], newest_record(source), lineage)


def _tables(source: sqlite3.Connection, link: Link) -> list[TableCopy]:
    """Those that are in both databases, referenced ones first."""
    targets = {row[0] for row in link.fetch(_TARGET_TABLES)}
    names = sorted((source_tables(source) & targets) - _NOT_COPIED)
    references = [(child, parent) for child, parent in link.fetch(_REFERENCES) if child in names and parent in names]
    ordered: list[str] = []
    while names:
        free = [name for name in names if all(parent in ordered for child, parent in references if child == name)]
        ordered += free or names  # in a circle: the database says so
        names = [name for name in names if name not in ordered]
    days = _days(source)
    known = {
        "journal_tasks": TableCopy(
            "journal_tasks",
            added={"lane": "0", "version": "1", "first_day": "CURRENT_DATE", "last_day": "CURRENT_DATE"},
        ),
        "journal_records": TableCopy(
            "journal_records", {"position": "record_id"}, {"lane": "0"}, ("day", lambda record: str(days(record)))
        ),
        "journal_marks": TableCopy("journal_marks", {"position": "record_id"}),
        "journal_stages": TableCopy("journal_stages", added={"lane": "0", "position": "0"}),
    }
    return [known.get(name, TableCopy(name)) for name in ordered]


def _days(source: sqlite3.Connection) -> Callable[[int], date]:
    """On which day a record was stored, by the marks; those after the last one today. Days follow records."""
    marks = source.execute("SELECT record_id, at FROM journal_marks ORDER BY record_id").fetchall()
    records = [record for record, _ in marks]
    today = datetime.now(UTC).date()

    def day(record: int) -> date:
        place = bisect.bisect_left(records, record)
        return today if place == len(marks) else min(today, datetime.fromtimestamp(marks[place][1], UTC).date())

    return day


def _all_days(source: sqlite3.Connection) -> set[date]:
    day = _days(source)
    marks = source.execute("SELECT record_id FROM journal_marks").fetchall()
    return {day(record) for (record,) in marks} | {datetime.now(UTC).date()}


def _begin(link: Link, address: str, journal: _Journal, tables: Sequence[TableCopy]) -> None:
    """Note what is moved, or find out that this move was begun before."""
    mine = f"{journal.epoch} {journal.last_record}"
    if target_columns(link, "otto_transfer"):
        noted = link.fetch("SELECT source FROM otto_transfer WHERE name = ''")[0][0]
        if noted != mine:
            raise DatabaseError(
                f"PostgreSQL at {address} has a part of another database in it, or the source was used since: "
                "make an empty schema and begin again"
            )
    else:
        for name in ["journal_lives", *(table.name for table in tables)]:
            if link.fetch(f'SELECT 1 FROM "{name}" LIMIT 1'):  # noqa: S608 - a table's name
                raise DatabaseError(f"PostgreSQL at {address} has rows in {name} already: make an empty schema")
        link.execute("CREATE TABLE otto_transfer (name text PRIMARY KEY, place bigint NOT NULL DEFAULT 0, source text)")
        link.execute("INSERT INTO otto_transfer (name, source) VALUES ('', $1)", mine)
    names = [table.name for table in tables]
    link.execute("INSERT INTO otto_transfer (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", names)


def _verify(source: sqlite3.Connection, link: Link, address: str, total: dict[str, int]) -> None:
    """Each table has as many rows as its source, and the records the same checksums."""
    for name, count in total.items():
        found = link.fetch(f'SELECT count(*) FROM "{name}"')[0][0]  # noqa: S608 - a table's name
        if found != count:
            raise DatabaseError(
                f"PostgreSQL at {address} has {found:,} rows in {name}, and {count:,} were to be copied"
            )
    sums = "coalesce(sum(checksum), 0), coalesce(sum(raw_size), 0), coalesce(sum({} * (last_sequence % 1000)), 0)"
    wanted = source.execute(f"SELECT {sums.format('record_id')} FROM journal_records").fetchone()  # noqa: S608
    found = link.fetch(f"SELECT {sums.format('position')} FROM journal_records")[0]  # noqa: S608
    if tuple(map(int, found)) != tuple(wanted):
        raise DatabaseError(f"PostgreSQL at {address} has other records than the source")
