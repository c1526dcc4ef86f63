"""Backups that are taken while others write, and put back."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.backup import back_up, restore
from storage.errors import DatabaseError, DatabaseInUseError
from storage.journal.sqlite import SqliteJournal
from storage.sqlite.files import acquire_lock
from tests.support.backups import put_back, take_backup
from tests.support.journal_items import batch, messages

MEGABYTES = 9
"""More than one step of a copy."""


async def write(path: Path, *texts: str) -> str:
    """Append each text in a commit of its own; the epoch."""
    async with open_journal(path) as journal:
        for text in texts:
            await journal.append(batch(text))
        return journal.epoch


class open_journal:  # noqa: N801 - reads as a part of the statement
    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> SqliteJournal:
        self._journal = await SqliteJournal.open(self._path, durability="process")
        return self._journal

    async def __aexit__(self, *_: object) -> None:
        await self._journal.close()


def enlarge(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE large (content)")
        connection.executemany("INSERT INTO large VALUES (zeroblob(?))", [(1 << 20,)] * MEGABYTES)


async def test_commits_meanwhile_neither_restart_a_copy_nor_get_into_it(tmp_path: Path) -> None:
    """Each step comes after a commit of another connection; every page is copied once, and of the first moment."""
    path, copy = tmp_path / "otto.db", tmp_path / "copy.db"
    await write(path, "1", "2")
    enlarge(path)
    steps: list[int] = []

    def commit(done: int, _total: int) -> None:
        steps.append(done)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("INSERT INTO large VALUES (zeroblob(1000000))")

    backup = back_up(path, copy, on_progress=commit)
    assert len(steps) > 2
    assert steps == sorted(set(steps))
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM large").fetchone() == (MEGABYTES,)
    assert (backup.last_record, backup.bytes, copy.stat().st_mode & 0o777) == (2, copy.stat().st_size, 0o600)
    assert [each.name for each in tmp_path.glob("copy*")] == ["copy.db"]


async def test_a_backup_that_fails_leaves_nothing_and_can_be_started_again(tmp_path: Path) -> None:
    """No half file has the name of a backup, and what a killed one left is overwritten."""
    path, copy = tmp_path / "otto.db", tmp_path / "copy.db"
    await write(path, "1")

    def fail(_done: int, _total: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(Exception, match=r"copy.db.partial cannot grow: the disk is full"):
        back_up(path, copy, on_progress=fail)
    assert list(tmp_path.glob("copy*")) == []
    Path(f"{copy}.partial").write_bytes(b"half of a file")
    back_up(path, copy)
    assert [each.name for each in tmp_path.glob("copy*")] == ["copy.db"]


async def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    """Neither a file, the database itself among them, nor what another backup is about to write."""
    path, copy = tmp_path / "otto.db", tmp_path / "copy.db"
    await write(path, "1")
    for target in (path, tmp_path / "link.db"):
        os.symlink(tmp_path / "nowhere", tmp_path / "link.db") if target != path else None
        with pytest.raises(DatabaseError, match="overwrites nothing"):
            back_up(path, target)

    def another(_done: int, _total: int) -> None:
        with pytest.raises(DatabaseError, match="another process writes"):
            back_up(path, copy)

    back_up(path, copy, on_progress=another)


async def test_a_restore_that_is_cut_off_changes_nothing(tmp_path: Path) -> None:
    """It is one transaction; the lock is given back."""
    path = tmp_path / "otto.db"
    await write(path, "1")
    enlarge(path)
    backup = take_backup(path)
    await write(path, "2")

    def cut_off(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(backup, path, acquire_lock(path), on_progress=cut_off)
    async with open_journal(path) as journal:
        assert await messages(journal) == ["1", "2"]


async def test_a_restore_is_seen_by_programs_that_have_the_database_open(tmp_path: Path) -> None:
    """The file stays, with its mode: nobody continues to read one that is gone."""
    path = tmp_path / "otto.db"
    await write(path, "1")
    backup = take_backup(path)
    await write(path, "2")
    path.chmod(0o660)
    with closing(sqlite3.connect(path)) as reader:
        count = "SELECT last_sequence FROM journal_tasks"
        assert reader.execute(count).fetchone() == (2,)
        put_back(backup, path)
        assert reader.execute(count).fetchone() == (1,)
    assert path.stat().st_mode & 0o777 == 0o660


async def test_without_a_mark_a_restored_journal_begins_a_new_epoch(tmp_path: Path) -> None:
    """On another machine nobody knows what came after the backup."""
    path, elsewhere = tmp_path / "otto.db", tmp_path / "elsewhere.db"
    epoch = await write(path, "1")
    restored = restore(take_backup(path), elsewhere, acquire_lock(elsewhere))
    assert not restored.is_latest
    second = await write(elsewhere)
    assert epoch != second
    assert await write(elsewhere) == second


async def test_a_restore_reports_whether_anything_came_after_the_backup(tmp_path: Path) -> None:
    """With the mark it knows; positions stay valid only where nothing did."""
    path = tmp_path / "otto.db"
    epoch = await write(path, "1")
    backup = take_backup(path)
    assert restore(backup, path, acquire_lock(path)).is_latest
    assert await write(path, "2") == epoch
    assert not restore(backup, path, acquire_lock(path)).is_latest


async def test_what_is_no_good_backup_is_refused(tmp_path: Path) -> None:
    """Before anything is changed: damaged, of a newer gateway, no database, or not there; or a gateway is running."""
    path = tmp_path / "otto.db"
    await write(path, "1")
    enlarge(path)
    damaged, newer = take_backup(path), take_backup(path)
    with damaged.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE otto_schema_version SET version_num = '9999'")
    text = tmp_path / "text"
    text.write_text("no database" * 100)
    for bad, why in (
        (damaged, "damaged"),
        (newer, "newer gateway"),
        (text, "not an SQLite"),
        (tmp_path / "x", "no ba"),
    ):
        with pytest.raises(DatabaseError, match=why):
            put_back(bad, path)
    async with open_journal(path) as journal:
        with pytest.raises(DatabaseInUseError):
            put_back(newer, path)
        assert await messages(journal) == ["1"]


async def test_a_backup_opens_where_nobody_may_write(tmp_path: Path) -> None:
    """It needs no file beside it."""
    path, copy = tmp_path / "otto.db", tmp_path / "copy.db"
    await write(path, "1")
    back_up(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert shutil.copy(copy, tmp_path / "moved.db")
