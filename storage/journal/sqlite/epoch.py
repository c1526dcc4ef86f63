"""The life of a journal: its epoch, and how a database that went back in time is recognised.

A backup that is put back has the epoch that it was taken with. Numbers that were given after it would be given again,
for other lines, and the holder of a position could not notice. So how far the journal got is also kept beside the
database, in a file that a backup does not bring along: the mark. A journal that ends before its mark begins a new life.
"""

import json
import logging
import os
import re
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.journal.interface import Ancestor
from storage.sqlite.errors import translate_errors

__all__ = ["Epoch", "HighWaterMarkFile", "begin_epoch", "newest_record"]

_log = logging.getLogger(__name__)

_TEXT: Final = re.compile(rb"([0-9a-f]{8}) ([0-9]{20})\n\Z")
_BYTES: Final = 8 + 1 + 20 + 1
_ANCESTORS_MAX: Final = 64
_BUSY_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Epoch:
    """One life of a journal. ``lineage`` are the lives that it continues from, the latest first."""

    epoch: str
    last_record: int
    lineage: tuple[Ancestor, ...] = ()


class HighWaterMarkFile:
    """The file beside a database that says how far its journal got: the epoch, and the last record's id.

    It is written after each commit and before anybody hears of it, without waiting for the disk. So after a killed
    process it is exact, and after a power loss it may be behind the database, which says nothing, but never ahead of
    it unless the database has lost what was seen.
    """

    def __init__(self, database: Path) -> None:
        self.path = Path(f"{database}.mark")
        self._epoch = b""
        self._failed = False
        with translate_errors(self.path):
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def __repr__(self) -> str:
        return f"<HighWaterMarkFile {str(self.path)!r}>"

    def read(self) -> tuple[str, int] | None:
        """The epoch and the record; None if nothing was written yet, or something else."""
        match = _TEXT.match(os.pread(self._file, 64, 0))
        return None if match is None else (match[1].decode(), int(match[2]))

    def begin(self, epoch_state: Epoch) -> None:
        """Note what the journal is at its start, and wait for the disk."""
        self._epoch = epoch_state.epoch.encode()
        self.advance(epoch_state.last_record)
        os.ftruncate(self._file, _BYTES)
        os.fsync(self._file)

    def advance(self, record: int) -> None:
        """Note that everything up to a record is stored."""
        try:
            os.pwrite(self._file, b"%b %020d\n" % (self._epoch, record), 0)  # in one piece, and in one sector
        except OSError as error:
            # The lines are stored; all that is worse is that a backup put back now might not be noticed.
            if not self._failed:
                _log.warning("high-water mark not written", extra={"path": str(self.path), "reason": str(error)})
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """Close the file; idempotent."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def begin_epoch(connection: sqlite3.Connection, mark: HighWaterMarkFile) -> Epoch:
    """The life of the journal in a database: the one it was in, or a new one where it went back in time.

    It went back where it ends before its mark, or has another epoch than the mark (a second backup was put back, or
    another database). Anyone who puts a backup where no mark is says so with a row ``restored`` in ``journal_meta``.
    """
    meta = dict(connection.execute("SELECT name, value FROM journal_meta").fetchall())
    last = newest_record(connection)
    lineage = tuple(Ancestor(*each) for each in json.loads(meta.get("ancestry", "[]")))
    epoch, marked = meta.get("epoch"), mark.read()
    is_known = marked is None or (marked[0] == epoch and marked[1] <= last)
    if epoch is not None and is_known and "restored" not in meta:
        epoch_state = Epoch(
            epoch, last, lineage
        )  # without writing: another program's lock need not keep us from starting
    else:
        if epoch is not None:
            lineage = (Ancestor(epoch, last), *lineage)[:_ANCESTORS_MAX]
            _log.warning(
                "the journal went back in time; it begins a new epoch",
                extra={"epoch": epoch, "record": last, "mark": "" if marked is None else f"{marked[0]} {marked[1]}"},
            )
        epoch_state = _renewed(connection, Epoch(secrets.token_hex(4), last, lineage))
    mark.begin(epoch_state)
    return epoch_state


def newest_record(connection: sqlite3.Connection) -> int:
    """The last id that was given; retention may have removed its record."""
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal_records'").fetchone()
    return int(given[0]) if given else 0


def _renewed(connection: sqlite3.Connection, epoch_state: Epoch) -> Epoch:
    """Store a new life."""
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("DELETE FROM journal_meta WHERE name = 'restored'")
        connection.executemany(
            "INSERT OR REPLACE INTO journal_meta (name, value) VALUES (?, ?)",
            [("epoch", epoch_state.epoch), ("ancestry", json.dumps(epoch_state.lineage))],
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return epoch_state
