"""A journal whose database went back in time."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.journal.interface import Ancestor
from storage.journal.sqlite import SqliteJournal
from storage.journal.sqlite.epoch import Epoch, HighWaterMarkFile
from tests.support.backups import put_back, take_backup
from tests.support.journal_items import batch, messages, number


async def write(path: Path, *texts: str) -> str:
    """Append each text in a commit of its own; the epoch."""
    journal = await SqliteJournal.open(path)
    for text in texts:
        await journal.append(batch(text))
    await journal.close()
    return journal.epoch


async def test_a_backup_put_back_begins_a_new_epoch(tmp_path: Path) -> None:
    """Numbers that were given after the backup will be given again: nobody may take the new lines for the old ones."""
    path = tmp_path / "otto.db"
    first = await write(path, "1", "2")
    backup = take_backup(path)
    assert await write(path, "3") == first
    put_back(backup, path)
    journal = await SqliteJournal.open(path)
    assert journal.epoch != first
    assert journal.lineage == (Ancestor(first, 2),)
    await journal.append(batch("new 3"))
    assert await messages(journal) == ["1", "2", "new 3"]
    await journal.close()
    assert await write(path) == journal.epoch


async def test_a_backup_that_holds_everything_changes_nothing(tmp_path: Path) -> None:
    """Nothing that was seen is missing in it, so positions stay good."""
    path = tmp_path / "otto.db"
    first = await write(path, "1", "2")
    put_back(take_backup(path), path)
    assert await write(path, "3") == first


async def test_the_same_backup_put_back_twice_begins_a_third_epoch(tmp_path: Path) -> None:
    """It has the first epoch again, in which later numbers were given; so has the second."""
    path = tmp_path / "otto.db"
    first = await write(path, "1")
    backup = take_backup(path)
    await write(path, "2")
    put_back(backup, path)
    second = await write(path, "other 2")
    put_back(backup, path)
    third = await write(path, "third 2", "third 3")
    assert len({first, second, third}) == 3


async def test_a_life_goes_on_from_all_lives_before_it(tmp_path: Path) -> None:
    """Each with what is left of it, the latest first."""
    path = tmp_path / "otto.db"
    first = await write(path, "1", "2")
    backup = take_backup(path)
    await write(path, "3")
    put_back(backup, path)
    second = await write(path, "3", "4")
    backup = take_backup(path)
    await write(path, "5")
    put_back(backup, path)
    journal = await SqliteJournal.open(path)
    await journal.close()
    assert journal.lineage == (Ancestor(second, 4), Ancestor(first, 2))


async def test_a_database_without_a_mark_keeps_its_epoch(tmp_path: Path) -> None:
    """One of an older version, or that was moved; unless it says itself that it is a backup."""
    path, elsewhere = tmp_path / "otto.db", tmp_path / "moved.db"
    first = await write(path, "1")
    shutil.copy(take_backup(path), elsewhere)
    assert await write(elsewhere) == first
    with closing(sqlite3.connect(elsewhere, isolation_level=None)) as database:
        database.execute("INSERT INTO journal_meta VALUES ('restored', '')")
    second = await write(elsewhere)
    assert second != first
    assert await write(elsewhere) == second


async def test_a_removed_database_and_its_mark_are_strangers(tmp_path: Path) -> None:
    """An empty database beside an old mark is a new journal with nothing before it."""
    path = tmp_path / "otto.db"
    await write(path, "1")
    path.unlink()
    journal = await SqliteJournal.open(path)
    await journal.close()
    assert journal.lineage == ()


async def test_commits_without_records_do_not_move_the_mark(tmp_path: Path) -> None:
    """A number that was used up by a refused request takes nothing from any reader."""
    path = tmp_path / "otto.db"
    first = await write(path, "1")
    journal = await SqliteJournal.open(path)
    await journal.append(batch(producer=number(1)))
    await journal.close()
    assert await write(path) == first


async def test_a_locked_database_can_be_opened(tmp_path: Path) -> None:
    """Another program's transaction hinders commits, not the start and not the readers."""
    path = tmp_path / "otto.db"
    await write(path, "1")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal = await SqliteJournal.open(path, lock_seconds_max=0.01)
        assert await messages(journal) == ["1"]
        other.execute("ROLLBACK")
    await journal.append(batch("2"))
    await journal.close()


@pytest.mark.parametrize("text", [b"", b"00c0ffee", b"00c0ffee 12\n", b"x" * 64])
def test_a_mark_is_read_as_it_was_written_or_not_at_all(tmp_path: Path, text: bytes) -> None:
    """What is no mark says nothing."""
    mark = HighWaterMarkFile(tmp_path / "otto.db")
    mark.path.write_bytes(text)
    assert mark.read() is None
    mark.begin(Epoch("00c0ffee", 12))
    mark.advance(13)
    assert mark.read() == ("00c0ffee", 13)
    mark.close()
    mark.close()


def test_a_mark_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The lines are stored; the log says it once, not with every commit."""
    mark = HighWaterMarkFile(tmp_path / "otto.db")
    mark.begin(Epoch("00c0ffee", 12))
    mark.close()
    mark.advance(13)
    mark.advance(14)
    assert [record.message for record in caplog.records] == ["high-water mark not written"]
