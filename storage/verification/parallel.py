"""Checking records in processes of their own: decoding lines is what a check costs, and one process has one core."""

import os
import random
import signal
import sqlite3
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import msgspec

from storage.errors import StorageUnavailableError
from storage.sqlite.connections import Access, lossy_text, open_connection
from storage.verification.findings import Findings
from storage.verification.journal_records import CheckedRecord, records

__all__ = ["RANGE_RECORDS", "RecordRanges", "checked_records"]

RANGE_RECORDS: Final = 64
"""Records that a process checks at a time, and returns; with chunks of the largest size 64 MiB."""
PARALLEL_FROM_RECORDS: Final = 20_000
"""Fewer are checked sooner than processes are started."""
_NICENESS: Final = 10

_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(list[CheckedRecord])
_connections: dict[Path, sqlite3.Connection] = {}
"""Of a process, until it ends."""


@dataclass(frozen=True, slots=True)
class RecordRanges:
    """Which records are checked, in steps.

    Attributes:
        after: the first is after this one.
        upto: the last one.
        share: of the steps, chosen at random; 1.0: all of them.
        seed: the same one chooses the same steps.
    """

    after: int
    upto: int
    share: float = 1.0
    seed: int = 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        chosen = random.Random(self.seed)  # noqa: S311 - a sample is no secret
        for start in range(self.after - self.after % RANGE_RECORDS, self.upto, RANGE_RECORDS):
            if self.share >= 1.0 or chosen.random() < self.share:
                yield max(start, self.after), min(start + RANGE_RECORDS, self.upto)


@dataclass(frozen=True, slots=True)
class _Checked:
    """What a process found. ``error`` is SQLite's code and text where it could not continue."""

    records: bytes
    findings: Findings
    error: tuple[int, str] | None = None


def checked_records(
    journal: Path, connection: sqlite3.Connection, ranges: RecordRanges, findings: Findings, *, jobs: int
) -> Iterator[CheckedRecord]:
    """The records of these ranges in the order of commits, checked.

    Args:
        journal: its file.
        connection: to it, for a check without further processes.
        ranges: which records.
        findings: what is wrong with them is added here, after the last record of each step.
        jobs: processes at most.

    Raises:
        sqlite3.DatabaseError: the file cannot be read.
        StorageUnavailableError: a process has ended by itself.
    """
    if jobs <= 1 or ranges.upto - ranges.after < PARALLEL_FROM_RECORDS:
        for after, upto in ranges:
            part = Findings()
            try:
                yield from records(connection, after, upto, part)
            finally:
                findings.add_all(part)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_step_back)
    try:
        waiting: deque[Future[_Checked]] = deque()
        for after, upto in ranges:
            waiting.append(pool.submit(_check_range, journal, after, upto))
            if len(waiting) > 2 * jobs:
                yield from _taken(waiting.popleft(), findings)
        while waiting:
            yield from _taken(waiting.popleft(), findings)
    except BrokenProcessPool as error:
        raise StorageUnavailableError(f"a process that checks {journal} has ended by itself") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _taken(future: "Future[_Checked]", findings: Findings) -> Iterator[CheckedRecord]:
    checked = future.result()
    yield from _decoder.decode(checked.records)
    findings.add_all(checked.findings)
    if checked.error is not None:
        error = sqlite3.DatabaseError(checked.error[1])
        error.sqlite_errorcode = checked.error[0]
        raise error


def _step_back() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that asks
    with suppress(OSError):
        os.nice(_NICENESS)  # a gateway goes first


def _check_range(journal: Path, after: int, upto: int) -> _Checked:
    """The work of a process."""
    findings = Findings()
    found: list[CheckedRecord] = []
    try:
        connection = _connections.get(journal)
        if connection is None:
            connection = _connections[journal] = open_connection(journal, Access.READ)
            connection.text_factory = lossy_text
        found += records(connection, after, upto, findings)
    except sqlite3.DatabaseError as error:
        # Pickled, it would lose its code.
        return _Checked(_encoder.encode(found), findings, (getattr(error, "sqlite_errorcode", 0), str(error)))
    return _Checked(_encoder.encode(found), findings)
