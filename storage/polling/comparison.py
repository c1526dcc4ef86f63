"""Comparing `job_logs` with the journal, line for line, for a check while nothing is written."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from filters.entry import decode_lines
from storage.journal.interface import Record
from storage.polling.sink import RecordSource
from storage.polling.table import PollingTable
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import translate_errors

__all__ = ["Comparison", "compare"]

_FETCH_BYTES: Final = 1 << 20
_MISSING_MAX: Final = 100

_ROWS: Final = "SELECT id, log_message, created_at FROM job_logs WHERE job_id = ? AND id > ? ORDER BY id"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found. ``other_rows`` are closing rows, rows of other programs, and of journals before this one."""

    lines: int
    other_rows: int
    missing: Sequence[str]
    """Task and sequence of lines without a row in its place; the comparison stops at 100."""

    @property
    def is_equal(self) -> bool:
        """Whether every line of the journal is a row, in the task's order."""
        return not self.missing


async def compare(journal: RecordSource, table: PollingTable) -> Comparison:
    """Look for each line of the journal after the row of the line before it, in the rows of its job.

    Memory is bounded by the number of tasks. Rows that ``RETENTION_DAYS`` has deleted are reported as missing.

    Raises:
        StorageUnavailableError: the database cannot be read now.
    """
    reached: dict[str, int] = {}
    missing: list[str] = []
    lines = after = 0
    while (records := await journal.records(after, bytes_max=_FETCH_BYTES)) and len(missing) < _MISSING_MAX:
        for record in records:
            lines += len(record.lines)
            missing += await asyncio.to_thread(_look, table, record, reached)
        after = records[-1].id
    rows = await asyncio.to_thread(_count, table)
    return Comparison(lines, rows - (lines - len(missing)), missing[:_MISSING_MAX])


def _look(table: PollingTable, record: Record, reached: dict[str, int]) -> list[str]:
    """The lines of a record without a row; moves the place that was reached in the job's rows."""
    missing = []
    with _opened(table) as connection:
        for index, entry in enumerate(decode_lines(record.lines) if record.lines else ()):
            wanted = (entry.message, f"{entry.timestamp[:10]} {entry.timestamp[11:19]}")
            rows = connection.execute(_ROWS, (record.task_id, reached.get(record.task_id, 0)))
            found = next((number for number, *row in rows if tuple(row) == wanted), None)
            rows.close()
            if found is None:
                missing.append(f"task {record.task_id!r}, line {record.first + index}")
                if len(missing) == _MISSING_MAX:
                    break
            else:
                reached[record.task_id] = found
    return missing


def _count(table: PollingTable) -> int:
    with _opened(table) as connection:
        return int(connection.execute("SELECT count(*) FROM job_logs").fetchone()[0])


@contextmanager
def _opened(table: PollingTable) -> Iterator[sqlite3.Connection]:
    with translate_errors(table.path), closing(open_connection(table.path, Access.READ)) as connection:
        yield connection
