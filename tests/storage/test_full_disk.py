"""A disk that is full: what is said, and the reserve by which old lines can be removed all the same."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import DiskFullError, StorageError, StorageUnavailableError
from storage.journal.sqlite import SqliteJournal
from storage.retention.policy import RetentionPolicy
from storage.retention.worker import Retention
from storage.sqlite.disk_reserve import DiskReserve
from storage.sqlite.errors import translate_errors
from tests.support.journal_items import batch
from tests.support.moved_clock import pass_time
from tests.support.waiting import until

MEBIBYTE = 1 << 20


def leave_free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Every disk has so many bytes left."""
    real = os.statvfs

    def statvfs(path: Path) -> os.statvfs_result:
        fields = list(real(path))
        fields[1], fields[4] = 1, count  # the block's size, and the blocks for this user
        return os.statvfs_result(fields)

    monkeypatch.setattr(os, "statvfs", statvfs)


def said(path: Path, code: int) -> StorageError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    with pytest.raises(StorageError) as caught, translate_errors(path):
        raise error
    return caught.value


def test_a_full_disk_is_named_with_its_path_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if SQLite reports an I/O error because it cannot make the files beside the database."""
    path = tmp_path / "otto.db"
    leave_free(monkeypatch, 4096)
    for code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR | 19 << 8, sqlite3.SQLITE_CANTOPEN):
        error = said(path, code)
        assert isinstance(error, DiskFullError)
        assert str(error) == f"{path} cannot grow: the disk is full, 4,096 bytes are free; make room on it"
    leave_free(monkeypatch, MEBIBYTE)
    assert type(said(path, sqlite3.SQLITE_IOERR)) is StorageUnavailableError


def test_a_reserve_is_made_only_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes what it says from the disk, for its owner alone, and is given up once."""
    reserve = DiskReserve(tmp_path / "otto.db", MEBIBYTE)
    with monkeypatch.context() as patch:
        leave_free(patch, 4 * MEBIBYTE - 1)
        reserve.keep()
    assert not reserve.give_up()
    reserve.keep()
    found = (tmp_path / "otto.db.reserve").stat()
    assert (found.st_size, found.st_blocks * 512 >= MEBIBYTE, found.st_mode & 0o777) == (MEBIBYTE, True, 0o600)
    assert (reserve.give_up(), reserve.give_up()) == (True, False)
    DiskReserve(tmp_path / "otto.db", 0).keep()
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_starts_a_pass_with_the_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two passes, and although removing finds no room either before the reserve is gone."""
    journal = await SqliteJournal.open(tmp_path / "otto.db", durability="process")
    await journal.append(batch("old", task="old"))
    reserve = DiskReserve(tmp_path / "otto.db", MEBIBYTE)
    policy = RetentionPolicy(tasks_max=1)
    retention = Retention(journal, (), policy, copied=lambda: 1 << 40, reserve=reserve, pass_seconds=3600)
    retention.start()
    await until(lambda: (tmp_path / "otto.db.reserve").exists(), "the first pass is over")
    await journal.append(batch("new", task="new"))
    remove = journal.remove_whole

    async def remove_with_room(*arguments: object, **rest: object) -> object:
        if (tmp_path / "otto.db.reserve").exists():
            raise DiskFullError("full")
        return await remove(*arguments, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "remove_whole", remove_with_room)
    statistics = replace(journal.statistics, is_disk_full=True)
    monkeypatch.setattr(SqliteJournal, "statistics", statistics)
    pass_time(60)
    await until(lambda: retention.statistics.tasks == 1, "the old task is gone")
    await retention.close()
    await journal.close()
