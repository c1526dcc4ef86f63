"""How long a search for a rare word takes as lines grow, without summaries and with them.

``python -m benchmarks.rare_words [MILLIONS …]`` makes a database for each (1; make bench-growth takes up to 30), in
which ten lines have a word that no other has, in tasks of 250,000 lines. It prints what the lines take, what their
summaries take and cost, and the seconds of a search for that word and for one that is nowhere, before and after.
"""

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from filters.entry import LogEntry
from storage.journal.chunks import pack
from storage.journal.sqlite import SqliteJournal
from storage.sqlite.files import migrate_file
from storage.summaries import SummarySweep
from tests.support.history_server import BASE, history_of

_AT: Final = "2026-01-01T00:00:00.000000000Z"
_TASK_LINES: Final = 250_000
_CHUNK_LINES: Final = 250
_RARE_LINES: Final = 10
_RARE: Final = "segfaulted"
_WORDS: Final = "request worker cache build module connected closed retry queue flushed index page".split()  # noqa: SIM905


def fill(path: Path, lines: int) -> int:
    """Store so many lines by SQL; the bytes of their text."""
    migrate_file(path)
    chance = random.Random(1)
    rare = {chance.randrange(lines) for _ in range(_RARE_LINES)}
    size = record = 0
    with closing(sqlite3.connect(path)) as connection, connection:
        for key in range(1, -(-lines // _TASK_LINES) + 1):
            stored = 0
            for first, entries in _chunks(chance, f"build-{key}", (key - 1) * _TASK_LINES, rare):
                record += 1
                (chunk,) = pack(entries)
                stored, size = stored + len(chunk.payload), size + chunk.raw_size
                connection.execute(
                    "INSERT INTO journal_records (record_id, task_key, kind, first_sequence, last_sequence, levels, "
                    "earliest, latest, codec, raw_size, checksum, payload) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        record,
                        key,
                        first,
                        first + _CHUNK_LINES - 1,
                        chunk.levels,
                        _AT,
                        _AT,
                        chunk.codec,
                        chunk.raw_size,
                        chunk.checksum,
                        chunk.payload,
                    ),
                )
            connection.execute(
                "INSERT INTO journal_tasks (task_key, task_id, last_sequence, end_status, end_timestamp, end_reason, "
                "end_through_status, stored_bytes, last_record) VALUES (?, ?, ?, 'COMPLETED', ?, '', 1, ?, ?)",
                (key, f"build-{key}", _TASK_LINES, _AT, stored, record),
            )
    return size


def _chunks(chance: random.Random, task: str, start: int, rare: set[int]) -> Iterator[tuple[int, list[LogEntry]]]:
    for first in range(1, _TASK_LINES + 1, _CHUNK_LINES):
        yield (
            first,
            [
                LogEntry(task, "w1", number, _AT, "INFO", "stdout", _message(chance, start + number in rare))
                for number in range(first, first + _CHUNK_LINES)
            ],
        )


def _message(chance: random.Random, is_rare: bool) -> str:
    words = " ".join(chance.choices(_WORDS, k=6))
    return f"{words} {chance.getrandbits(48):012x} took {chance.randrange(1000)} ms{' ' + _RARE if is_rare else ''}"


async def searches(path: Path) -> list[tuple[float, int]]:
    """Seconds and hits of a search for the rare word, and for one that is nowhere; each page by page to the end."""
    found = []
    async with history_of(path) as history:
        for word in (_RARE, "nowhere"):
            started, hits, cursor = time.perf_counter(), 0, None
            while True:
                given = {"q": word, "limit": 1000} | ({} if cursor is None else {"cursor": cursor})
                answer = (await history.http.get(f"{BASE}/search", params=given, timeout=None)).raise_for_status()
                document = answer.json()
                hits += sum(task["count"] for task in document["tasks"])
                cursor = document.get("next")
                if cursor is None:
                    break
            found.append((time.perf_counter() - started, hits))
    return found


async def measure(path: Path, lines: int) -> None:
    """Print a line of the table."""
    text = fill(path, lines)
    before = await searches(path)
    journal = await SqliteJournal.open(path)
    started = time.perf_counter()
    sweep = SummarySweep(journal, pause_seconds_max=0)
    await sweep.run_once()
    swept = time.perf_counter() - started
    await journal.close()
    after = await searches(path)
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("SELECT total(length(summary)) FROM journal_summaries").fetchone()
    print(
        f"{lines / 1e6:>8.1f} | {text / 1e6:8.0f} | {100 * size / text:9.2f} | {swept:7.1f} | "
        + " | ".join(f"{seconds:7.2f} s, {hits:2}" for seconds, hits in (*before, *after)),
        flush=True,
    )


async def main() -> None:
    """One database after the other."""
    print("10^6 lines | MB of text | summaries % | made s | rare, hits | nowhere || with summaries: rare | nowhere")
    for millions in [float(text) for text in sys.argv[1:]] or [1.0]:
        with tempfile.TemporaryDirectory() as directory:
            await measure(Path(directory) / "otto.db", int(millions * 1e6))


if __name__ == "__main__":
    asyncio.run(main())
