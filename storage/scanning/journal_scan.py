"""Lines of a journal's database that have the shape of a secret, and their chunks without it."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from filters.entry import LogEntry, decode_lines
from filters.secret_shapes import OpenKeys, ShapeRules
from storage.journal.chunks import open_payload, repack
from storage.journal.queries import LINES_KIND
from storage.polling.interface import SqlConnection
from storage.sqlite.connections import Access, open_connection, transaction
from storage.sqlite.errors import translate_errors
from storage.sqlite.write_lock import write_lock

__all__ = ["FoundLine", "JournalScan", "LineScan", "Rewritable", "ScannedTask", "scan_rows"]

_RECORDS_MAX: Final = 64
_WINDOW_RECORDS: Final = 1024
"""What a query may have to sort, where there are several lanes."""
_ROWS_MAX: Final = 2_000
_CHARACTERS_MAX: Final = 1 << 20

_SELECT: Final = """
SELECT record_id, task_key, task_id, r.first_sequence, r.last_sequence, codec, raw_size, checksum, payload
FROM journal_records r JOIN journal_tasks USING (task_key)
WHERE record_id > ? AND record_id <= ? AND kind = ? ORDER BY record_id LIMIT ?"""
_REPLACE: Final = "UPDATE journal_records SET codec = ?, raw_size = ?, checksum = ?, payload = ? WHERE record_id = ?"
_RESIZE: Final = """
UPDATE journal_tasks SET stored_bytes = CASE WHEN stored_bytes + ?1 > 0 THEN stored_bytes + ?1 ELSE 0 END
WHERE task_key = ?2"""
_HAS_SUMMARIES: Final = "SELECT 1 FROM sqlite_master WHERE name = 'journal_summaries'"
_FORGET_SUMMARY: Final = (
    "UPDATE journal_summaries SET summary = x'' WHERE task_key = ? AND last_sequence >= ? AND first_sequence <= ?"
)
_ROWS: Final = "SELECT id, log_message FROM job_logs WHERE id > ? ORDER BY id LIMIT ?"


class FoundLine(NamedTuple):
    """Where something was found, and how much of each rule; not what."""

    task_id: str
    sequence: int
    worker_id: str
    rules: dict[str, int]


@dataclass(slots=True)
class ScannedTask:
    """What was masked in a task: its first and last line of those, and how much by rule."""

    first: int
    last: int
    rules: Counter[str] = field(default_factory=Counter)


class _Row(NamedTuple):
    record_id: int
    task_key: int
    task_id: str
    first: int
    last: int
    codec: int
    raw_size: int
    checksum: int
    payload: bytes


class Rewritable(Protocol):
    """An open database whose chunks may be stored anew."""

    @property
    def connection(self) -> SqlConnection:
        """For statements with the names of SQLite's columns."""
        ...

    @property
    def records_max(self) -> int:
        """How many records one query may give."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """What is changed in it is stored as a whole."""
        ...

    def forget_summaries(self, task_key: int, first: int, last: int) -> None:
        """Drop what searches know of some lines."""
        ...


class LineScan:
    """Goes through all lines of a database in the order in which they were stored.

    Args:
        rules: what to look for.
        rewrite: whether to store the lines without it; the caller then holds the database, so that no gateway does.

    Attributes:
        lines: that were looked at.
        tasks: what was found, by task.
    """

    def __init__(self, rules: ShapeRules, *, rewrite: bool) -> None:
        self.lines = 0
        self.tasks: dict[str, ScannedTask] = {}
        self._rules = rules
        self._rewrite = rewrite
        self._keys = OpenKeys()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.lines} lines>"

    def scan(
        self, database: Rewritable, on_progress: Callable[[int, int], None] = lambda _reached, _last: None
    ) -> Iterator[FoundLine]:
        """What is found, a line at a time.

        Args:
            database: the open database.
            on_progress: called with the record that was reached, and the last one.

        Raises:
            ChunkDamagedError: lines cannot be read.
        """
        connection = database.connection
        last = int(connection.execute("SELECT coalesce(max(record_id), 0) FROM journal_records").fetchone()[0])
        after = 0
        while after < last:
            upto = min(after + _WINDOW_RECORDS, last)
            rows = connection.execute(_SELECT, (after, upto, LINES_KIND, database.records_max)).fetchall()
            for row in map(_Row._make, rows):
                yield from self._look_at(database, row)
            after = rows[-1][0] if len(rows) == database.records_max else upto
            on_progress(after, last)

    def _look_at(self, database: Rewritable, row: _Row) -> Iterator[FoundLine]:
        lines = open_payload(*row[5:], task_id=row.task_id, first=row.first, last=row.last)
        entries = decode_lines(lines)
        self.lines += len(entries)
        found = self._found(entries)
        if not found:
            return
        for index, (entry, rules) in sorted(found.items()):
            entries[index] = entry
            task = self.tasks.setdefault(row.task_id, ScannedTask(row.first + index, row.first + index))
            task.last = row.first + index
            task.rules.update(rules)
            yield FoundLine(row.task_id, row.first + index, entry.worker_id, rules)
        if self._rewrite:
            chunk, connection = repack(entries), database.connection
            with database.transaction():
                values = (chunk.codec, chunk.raw_size, chunk.checksum, chunk.payload, row.record_id)
                connection.execute(_REPLACE, values)
                connection.execute(_RESIZE, (len(chunk.payload) - len(row.payload), row.task_key))
                database.forget_summaries(row.task_key, row.first, row.last)

    def _found(self, entries: Sequence[LogEntry]) -> dict[int, tuple[LogEntry, dict[str, int]]]:
        """Entries without their secrets, by their index."""
        masked = self._rules.mask(
            [entry.message for entry in entries],
            self._keys,
            lambda index: (entries[index].task_id, entries[index].worker_id, entries[index].source),
        )
        found: dict[int, tuple[LogEntry, dict[str, int]]] = {
            index: (msgspec.structs.replace(entries[index], message=line.text), dict(line.found))
            for index, line in masked.items()
        }
        for index, entry in enumerate(entries):
            if entry.metadata:
                metadata, rules = self._masked_values(entry.metadata)
                if rules:
                    before, known = found.get(index, (entry, {}))
                    counts = dict(Counter(known) + rules)
                    found[index] = msgspec.structs.replace(before, metadata=metadata), counts
        return found

    def _masked_values(self, fields: dict[str, str]) -> tuple[dict[str, str], Counter[str]]:
        values = list(fields.values())
        rules: Counter[str] = Counter()
        for index, line in self._rules.mask(values, OpenKeys(), lambda index: index).items():
            values[index] = line.text
            rules.update(line.found)
        return dict(zip(fields, values, strict=True)), rules


class _File:
    """A database of SQLite, as what is rewritten."""

    records_max = _RECORDS_MAX

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._path = path

    def transaction(self) -> AbstractContextManager[None]:
        return transaction(self.connection, write_lock(self._path))

    def forget_summaries(self, task_key: int, first: int, last: int) -> None:
        if self.connection.execute(_HAS_SUMMARIES).fetchone():  # it knows nothing of what stands there now
            self.connection.execute(_FORGET_SUMMARY, (task_key, first, last))


class JournalScan(LineScan):
    """A scan of a file; see ``LineScan``.

    Args:
        path: the journal's database.
        rules: as of ``LineScan``.
        rewrite: as of ``LineScan``.
    """

    def __init__(self, path: Path, rules: ShapeRules, *, rewrite: bool) -> None:
        super().__init__(rules, rewrite=rewrite)
        self._path = path

    def run(self, on_progress: Callable[[int, int], None] = lambda _reached, _last: None) -> Iterator[FoundLine]:
        """See ``LineScan.scan``.

        Raises:
            ChunkDamagedError: lines cannot be read.
            StorageError: the database cannot be used.
        """
        access = Access.CHANGE if self._rewrite else Access.READ
        with translate_errors(self._path), closing(open_connection(self._path, access)) as connection:
            if self._rewrite:
                connection.execute("PRAGMA secure_delete = ON")  # nothing is left in pages that become free
            yield from self.scan(_File(self._path, connection), on_progress)
            if self._rewrite:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # nor in the log


def scan_rows(
    connection: SqlConnection,
    rules: ShapeRules,
    changing: Callable[[], AbstractContextManager[None]] | None = None,
) -> int:
    """Rows of ``job_logs`` with a secret on one line, those of other programs too.

    Args:
        connection: to the database.
        rules: what to look for.
        changing: a transaction in which rows lose it; None: they do not.

    Returns:
        how many there are, or were.
    """
    after = count = 0
    while rows := connection.execute(_ROWS, (after, _ROWS_MAX)).fetchall():
        texts = [str(message)[:_CHARACTERS_MAX] for _, message in rows]
        changes: list[tuple[Any, int]] = []
        for index, line in rules.mask(texts, OpenKeys(), lambda index: index).items():
            changes.append((line.text + str(rows[index][1])[_CHARACTERS_MAX:], rows[index][0]))
        count += len(changes)
        if changing is not None and changes:
            with changing():
                for change in changes:
                    connection.execute("UPDATE job_logs SET log_message = ? WHERE id = ?", change)
        after = rows[-1][0]
    return count
