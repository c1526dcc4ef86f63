"""How lists of tasks and searches cost as the number of tasks grows.

``python -m benchmarks.growth [TASKS …]`` makes a database for each (1,000 and 10,000; make bench-growth takes up to a
million) with one chunk of ten lines in each task, and prints for pages of the list and for searches the CPU time of the
process, which other load on the machine changes little. It also prints what the database costs: bytes, the start of the
journal, a backup and a check of it.
"""

import asyncio
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from filters.entry import LogEntry
from storage.backup import back_up
from storage.journal.chunks import pack
from storage.journal.sqlite import SqliteJournal
from storage.polling import PollingTable
from storage.sqlite.files import migrate_file
from storage.verification import verify
from tests.support.history_server import BASE, History, history_of

_AT: Final = "2026-01-01T00:00:00.000000000Z"
_LINES: Final = 10
_REPEATS: Final = 10
_PAGE: Final = 50


def fill(path: Path, tasks: int) -> None:
    """Store the tasks by SQL: a commit of the journal for each would take an hour for a million."""
    migrate_file(path)
    lines = [LogEntry("t", "w", n, _AT, "INFO", "stdout", f"compiling module {n}: done") for n in range(1, _LINES + 1)]
    (chunk,) = pack(lines)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO journal_tasks (task_key, task_id, last_sequence, end_status, end_timestamp, end_reason, "
            f"end_through_status, stored_bytes, last_record) VALUES (?, ?, {_LINES}, ?, ?, '', 1, ?, ?)",
            _task_rows(tasks, len(chunk.payload)),
        )
        connection.executemany(
            "INSERT INTO journal_records (record_id, task_key, kind, first_sequence, last_sequence, levels, earliest, "
            "latest, codec, raw_size, checksum, payload) VALUES (?, ?, 0, 1, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (key, key, _LINES, chunk.levels, _AT, _AT, chunk.codec, chunk.raw_size, chunk.checksum, chunk.payload)
                for key in range(1, tasks + 1)
            ),
        )
        connection.executemany(
            "INSERT INTO journal_workers (task_key, worker_id, status) VALUES (?, 'w', 'COMPLETED')",
            ((key,) for key in range(1, tasks + 1)),
        )


def _task_rows(tasks: int, size: int) -> Iterator[tuple[object, ...]]:
    for key in range(1, tasks + 1):
        is_over = key % 100 != 0
        yield key, f"build-{key}", "COMPLETED" if is_over else None, _AT if is_over else None, size, key


async def cpu_of(action: Callable[[], Awaitable[Any]], repeats: int = _REPEATS) -> float:
    """Milliseconds of CPU time of this process for one call."""
    await action()
    before = _cpu_seconds()
    for _ in range(repeats):
        await action()
    return (_cpu_seconds() - before) * 1000 / repeats


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(path: Path, tasks: int) -> None:
    """Print a line of the table."""
    opened = _cpu_seconds()
    journal = await SqliteJournal.open(path)
    opened = _cpu_seconds() - opened
    await journal.close()
    async with history_of(path) as history:
        middle = f"{history.journal.epoch}-{tasks}-{tasks // 2}"
        questions: dict[str, dict[str, Any]] = {
            "page": {},
            "middle": {"cursor": middle},
            "status": {"status": "RUNNING"},
            "id": {"search": f"build-{tasks // 2}"},
        }
        costs = [await cpu_of(_getter(history, "/tasks", limit=_PAGE, **given)) for given in questions.values()]
        costs.append(await cpu_of(_getter(history, "/search", q="nowhere"), repeats=1))
    started = _cpu_seconds()
    backup = back_up(path, path.with_suffix(".copy"))
    copied = _cpu_seconds() - started
    report = verify(path, PollingTable(path))
    print(
        f"{tasks:>9,} | {' | '.join(f'{cost:8.1f}' for cost in costs)} | {backup.bytes / 1e6:7.1f} | "
        f"{opened:5.2f} | {copied:6.2f} | {report.seconds:6.1f}",
        flush=True,
    )


def _getter(history: History, path: str, **given: Any) -> Callable[[], Awaitable[Any]]:
    async def get() -> None:
        answer = await history.http.get(BASE + path, params=given, timeout=None)
        answer.raise_for_status()

    return get


async def main() -> None:
    """One database after the other."""
    sizes = [int(text) for text in sys.argv[1:]] or [1_000, 10_000]
    print("    tasks |     page |   middle |   status |       id |   search |      MB | start | backup | verify")
    print("          | CPU ms of a page of 50 tasks, and of a search without hits | | CPU s | CPU s | s")
    for tasks in sizes:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "otto.db"
            started = time.monotonic()
            fill(path, tasks)
            print(f"          {tasks:,} tasks stored in {time.monotonic() - started:.1f} s", file=sys.stderr)
            await measure(path, tasks)


if __name__ == "__main__":
    asyncio.run(main())
