"""Backups of a database: taken beside a running gateway, and put back without one."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from storage.errors import DatabaseError
from storage.journal.sqlite.epoch import Epoch, HighWaterMarkFile, newest_record
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import translate_errors
from storage.sqlite.files import schema_version
from storage.sqlite.page_copy import CopyProgress, Pace, copy_pages
from storage.sqlite.schema_version import SCHEMA_VERSION, is_newer

__all__ = [
    "Backup",
    "Restored",
    "back_up",
    "checked_copy",
    "claimed_file",
    "replace_content",
    "restore",
    "scratch_file",
]

_NO_EPOCH: Final = "00000000"
"""In a mark: of no journal, so that whichever is found beside it begins a new epoch."""

_BUSY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Backup:
    """What a copy holds. ``epoch`` is empty and ``last_record`` 0 for a database without a journal."""

    bytes: int
    epoch: str
    last_record: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. ``is_latest``: nothing that is known of came after it, so that positions stay valid."""

    backup: Backup
    is_latest: bool


def back_up(
    source: Path, target: Path, *, bytes_per_second: int = 0, on_progress: CopyProgress = lambda *_: None
) -> Backup:
    """Copy a database that may be in use into a new file, and check the copy; it appears whole or not at all.

    It is made as ``<target>.partial``, of mode 0600, and waits for the disk before it gets its name. What a killed
    attempt left there is overwritten.

    Args:
        source: the database.
        target: must not exist.
        bytes_per_second: of the copy; 0: as fast as the disk.
        on_progress: see ``CopyProgress``.

    Raises:
        DatabaseError: the source is no database, the target exists, or another backup to it is under way.
        StorageUnavailableError: it cannot be read or written now.
    """
    if not source.exists():
        raise DatabaseError(f"there is no database {source}")
    _require_absent(target)
    partial = Path(f"{target}.partial")
    with claimed_file(partial) as file:
        _copy(source, partial, Pace(bytes_per_second, file), on_progress)
        found = checked_copy(partial)
        with translate_errors(target):
            os.fsync(file)
            _require_absent(target)
            partial.rename(target)
            _sync_folder(target.parent)
    return found


@contextmanager
def scratch_file() -> Iterator[Path]:
    """The name of a file that does not exist, in a folder of our own that is gone afterwards with all that is in it."""
    with tempfile.TemporaryDirectory(prefix="otto-backup-") as folder:
        yield Path(folder) / "backup.db"


def restore(backup: Path, target: Path, lock: IO[bytes], *, on_progress: CopyProgress = lambda *_: None) -> Restored:
    """Replace what is in a database by a backup, in one transaction; killed at any point, it is the old or the new.

    The file itself stays: programs that have it open see the new content with their next query. Its mark stays, too,
    so that the next start begins a new epoch if anything came after the backup. Without a mark, that is taken for
    granted.

    Args:
        backup: is not changed.
        target: the database; made if there is none.
        lock: what ``storage.sqlite.files.acquire_lock`` returned for the journal's database; closed afterwards.
        on_progress: see ``CopyProgress``.

    Raises:
        DatabaseError: the backup is damaged or of a newer gateway, or the target is damaged.
        StorageUnavailableError: one of them cannot be read or written now.
    """
    with lock:
        if not backup.exists():
            raise DatabaseError(f"there is no backup {backup}")
        found = checked_copy(backup)
        is_latest = not found.epoch or _note_in_mark(target, found)
        replace_content(target, backup, on_progress)
    return Restored(found, is_latest)


def replace_content(target: Path, source: Path, on_progress: CopyProgress) -> None:
    """Put the pages of one database in the place of another's, in one transaction.

    Raises:
        DatabaseError: one of them is damaged.
        StorageUnavailableError: one of them cannot be read or written now; the target is as it was.
    """
    with (
        translate_errors(source),
        closing(open_connection(source, Access.READ)) as reader,
        translate_errors(target),
        closing(open_connection(target, Access.WRITE, busy_seconds=_BUSY_SECONDS, durability="full")) as connection,
    ):
        connection.execute("PRAGMA page_count").fetchone()
        copy_pages(reader, connection, Pace(0), on_progress)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _require_absent(target: Path) -> None:
    if os.path.lexists(target):
        raise DatabaseError(f"{target} exists; a backup overwrites nothing")


@contextmanager
def claimed_file(partial: Path) -> Iterator[int]:
    """An empty file for this process alone; gone at the end, unless it was renamed.

    The lock is ``flock``'s, which does not meet those that SQLite has on the same file.
    """
    with translate_errors(partial):
        file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DatabaseError(f"another process writes {partial} now") from None
        try:
            os.ftruncate(file, 0)
            yield file
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
    finally:
        os.close(file)


def _copy(source: Path, partial: Path, pace: Pace, on_progress: CopyProgress) -> None:
    with (
        translate_errors(source),
        closing(open_connection(source, Access.READ, busy_seconds=_BUSY_SECONDS)) as connection,
        closing(connection.execute("SELECT count(*) FROM sqlite_master")),  # before an error is one of the copy
        translate_errors(partial),
        closing(open_connection(partial, Access.CHANGE)) as copy,
    ):
        copy.execute("PRAGMA journal_mode = OFF")  # nobody sees the copy before it is whole
        copy.execute("PRAGMA synchronous = OFF")  # the pace waits for the disk
        copy_pages(connection, copy, pace, on_progress)
        # One file and nothing beside it, that opens in a folder where nobody may write, too.
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()


def checked_copy(path: Path) -> Backup:
    """What a copy holds, after SQLite has looked at all of it.

    Raises:
        DatabaseError: it is damaged, or of a newer gateway.
    """
    with translate_errors(path), closing(open_connection(path, Access.READ)) as connection:
        for (text,) in connection.execute("PRAGMA quick_check(1)"):
            if text != "ok":
                raise DatabaseError(f"{path} is damaged: {text}")
        version = schema_version(connection)
        if is_newer(version):
            raise DatabaseError(
                f"{path} was written by a newer gateway (schema {version}, this one knows {SCHEMA_VERSION})"
            )
        epoch, last = "", 0
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal_meta'").fetchone():
            row = connection.execute("SELECT value FROM journal_meta WHERE name = 'epoch'").fetchone()
            epoch, last = (row[0] if row else ""), newest_record(connection)
    return Backup(path.stat().st_size, epoch, last)


def _note_in_mark(target: Path, backup: Backup) -> bool:
    """Have the next start find out what came after the backup; whether nothing did."""
    mark = HighWaterMarkFile(target)
    try:
        known = mark.read()
        if known is None:
            mark.begin(Epoch(_NO_EPOCH, 0))
        return known == (backup.epoch, backup.last_record)
    finally:
        mark.close()


def _sync_folder(folder: Path) -> None:
    """A name is on the disk when its folder is."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
