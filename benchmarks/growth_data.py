"""Large databases for ``benchmarks.growth``, made by the journal itself: many appends to a commit."""

import asyncio
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from filters.entry import LogEntry
from storage.journal.interface import Append, LineBatch, Receipt, TaskEnding
from storage.journal.sqlite import SqliteJournal

__all__ = ["RARE", "TASK_LINES", "store_lines", "store_tasks"]

RARE: Final = "segfaulted"
"""A word in ten lines of all."""
TASK_LINES: Final = 250_000

_AT: Final = "2026-01-01T00:00:00.000000000Z"
_SHORT_LINES: Final = 10
_CHUNK_LINES: Final = 250
_RARE_LINES: Final = 10
_GROUP: Final = 256
"""Appends that wait for a commit at once."""
_PENDING_BYTES_MAX: Final = 1 << 30
_COMMIT_BYTES_MAX: Final = 16 << 20
_WORDS: Final = "request worker cache build module connected closed retry queue flushed index page".split()  # noqa: SIM905


async def store_tasks(path: Path, tasks: int) -> int:
    """So many tasks of ten lines, ``build-1`` and so on; every hundredth has not ended. The bytes of their messages."""
    return await _store(path, _short_tasks(tasks), tasks * _SHORT_LINES)


async def store_lines(path: Path, lines: int) -> int:
    """So many lines in tasks of ``TASK_LINES`` that have ended; the bytes of their messages."""
    chance = random.Random(1)
    rare = {chance.randrange(lines) for _ in range(_RARE_LINES)}
    return await _store(path, _long_tasks(chance, lines, rare), lines)


async def _store(path: Path, items: Iterator[Append], lines: int) -> int:
    journal = await SqliteJournal.open(
        path, durability="process", pending_bytes_max=_PENDING_BYTES_MAX, commit_bytes_max=_COMMIT_BYTES_MAX
    )
    started, size, stored, tenths = time.monotonic(), 0, 0, 1
    waiting: list[asyncio.Future[Receipt]] = []
    for item in items:
        waiting.append(journal.append(item))
        if isinstance(item, LineBatch):
            size += sum(len(entry.message) for entry in item.entries)
            stored += len(item.entries)
        if len(waiting) == _GROUP:
            await waiting[-1]
            waiting.clear()
        if stored >= lines * tenths // 10:
            seconds = time.monotonic() - started
            left = seconds * (lines - stored) / stored
            print(f"  {tenths * 10} % after {seconds:.0f} s, {left:.0f} s left", file=sys.stderr, flush=True)
            tenths += 1
    await asyncio.gather(*waiting)
    await journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return size


def _short_tasks(tasks: int) -> Iterator[Append]:
    for number in range(1, tasks + 1):
        task = f"build-{number}"
        yield _batch(task, [f"compiling module {line}: done" for line in range(1, _SHORT_LINES + 1)])
        if number % 100:
            yield TaskEnding(task, failed=False, timestamp=_AT)


def _long_tasks(chance: random.Random, lines: int, rare: set[int]) -> Iterator[Append]:
    for start in range(0, lines, TASK_LINES):
        task = f"build-{start // TASK_LINES + 1}"
        for first in range(start, min(start + TASK_LINES, lines), _CHUNK_LINES):
            last = min(first + _CHUNK_LINES, lines)
            yield _batch(task, [_message(chance, number in rare) for number in range(first, last)])
        yield TaskEnding(task, failed=False, timestamp=_AT)


def _batch(task: str, messages: list[str]) -> LineBatch:
    entries = [LogEntry(task, "w1", 0, _AT, "INFO", "stdout", message) for message in messages]
    return LineBatch(task, "w1", entries, sum(map(len, messages)), 0.0)


def _message(chance: random.Random, is_rare: bool) -> str:
    words = " ".join(chance.choices(_WORDS, k=6))
    return f"{words} {chance.getrandbits(48):012x} took {chance.randrange(1000)} ms{' ' + RARE if is_rare else ''}"
