"""Bytes of disk for each line: the journal's, by how many lines a commit has, and those of its row in ``job_logs``.

``python -m benchmarks.disk [LINES]`` stores lines of a real build (gcc, git, pip, …) and lines without anything in
common, and prints what the databases' files grew by. Nothing is timed.
"""

import hashlib
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from filters.entry import LogEntry
from filters.timestamps import from_nanos
from storage.journal.chunks import pack
from storage.polling.schema import prepare
from storage.sqlite.files import migrate_file
from tests.support.build_output import build_output

_LINES: Final = 20_000
_AT: Final = 1_767_225_600_000_000_000
_COMMITS: Final = (1, 10, 100, 1_000)


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    count = int(arguments[0]) if arguments else _LINES
    with tempfile.TemporaryDirectory(prefix="otto-disk-") as folder:
        builds = [line.message for line in build_output(count, Path(folder))]
        random = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(count)]
        print(f"| lines | characters | {' | '.join(f'{n:,} a commit' for n in _COMMITS)} | its row in `job_logs` |")
        print(f"| --- | --- | {' | '.join('---' for _ in _COMMITS)} | --- |")
        for name, texts in (("of a real build", builds), ("64 random hexadecimal digits", random)):
            journal = [_journal_bytes(Path(folder) / f"{name}-{size}.db", texts, size) / count for size in _COMMITS]
            row = _row_bytes(Path(folder) / f"{name}-rows.db", texts) / count
            mean = sum(map(len, texts)) / count
            print(f"| {name} | {mean:.0f} | {' | '.join(f'{each:.0f}' for each in journal)} | {row:.0f} |")


def _entries(texts: Sequence[str]) -> Iterator[LogEntry]:
    for number, text in enumerate(texts, 1):
        yield LogEntry("build-1", "worker-1", number, from_nanos(_AT + number * 1_234_567), "INFO", "stdout", text)


def _journal_bytes(path: Path, texts: Sequence[str], size: int) -> int:
    migrate_file(path)
    empty = _size(path)
    entries = list(_entries(texts))
    with closing(sqlite3.connect(path)) as connection, connection:
        for start in range(0, len(entries), size):
            for chunk in pack(entries[start : start + size]):
                connection.execute(
                    "INSERT INTO journal_records (task_key, kind, first_sequence, last_sequence, levels, earliest, "
                    "latest, codec, raw_size, checksum, payload) VALUES (1, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(start + 1, start + size, chunk.levels, chunk.earliest, chunk.latest),
                        *(chunk.codec, chunk.raw_size, chunk.checksum, chunk.payload),
                    ),
                )
    return _size(path) - empty


def _row_bytes(path: Path, texts: Sequence[str]) -> int:
    with closing(sqlite3.connect(path)) as connection, connection:
        prepare(connection, path)
    empty = _size(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO job_logs (job_id, log_message, created_at) VALUES ('build-1', ?, '2026-01-01 00:00:00')",
            ((text,) for text in texts),
        )
    return _size(path) - empty


def _size(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(page_bytes)


if __name__ == "__main__":
    main(sys.argv[1:])
