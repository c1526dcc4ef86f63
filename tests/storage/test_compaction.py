"""Making a database's file as small as its content."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.compaction import compact
from storage.errors import DatabaseError, DatabaseInUseError, DiskFullError
from storage.journal.sqlite import SqliteJournal
from storage.sqlite.files import acquire_lock
from tests.support.journal_items import batch, messages


async def fill(path: Path) -> None:
    """A journal with one line, in a file that has had nine megabytes more."""
    journal = await SqliteJournal.open(path, durability="process")
    await journal.append(batch("stays"))
    await journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE large (content)")
        connection.executemany("INSERT INTO large VALUES (zeroblob(?))", [(1 << 20,)] * 9)
        connection.execute("DROP TABLE large")


async def test_the_file_has_the_size_of_what_is_in_it(tmp_path: Path) -> None:
    """Nothing is lost, the epoch stays, and nothing is left beside it; a second time changes nothing."""
    path = tmp_path / "otto.db"
    await fill(path)
    epoch_before = sqlite_value(path, "SELECT value FROM journal_meta WHERE name = 'epoch'")
    path.chmod(0o660)
    seen: list[tuple[int, int]] = []
    done = compact(path, acquire_lock(path), on_progress=lambda *step: seen.append(step))
    assert (done.bytes_before > 9 << 20, done.bytes_after < 1 << 20) == (True, True)
    assert path.stat().st_size == done.bytes_after
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    assert path.stat().st_mode & 0o777 == 0o660
    assert list(tmp_path.glob("*.compact")) == []
    journal = await SqliteJournal.open(path, durability="process")
    assert (journal.epoch, await messages(journal)) == (epoch_before, ["stays"])
    await journal.close()
    assert compact(path, acquire_lock(path)).bytes_after == done.bytes_after


async def test_a_program_that_has_the_database_open_continues(tmp_path: Path) -> None:
    """The file is the same one."""
    path = tmp_path / "otto.db"
    await fill(path)
    with closing(sqlite3.connect(path)) as reader:
        query = "SELECT last_sequence FROM journal_tasks"
        assert reader.execute(query).fetchone() == (1,)
        compact(path, acquire_lock(path))
        assert reader.execute(query).fetchone() == (1,)


@pytest.mark.parametrize("at", [0.2, 0.9])
async def test_cut_off_anywhere_the_database_is_as_it_was(tmp_path: Path, at: float) -> None:
    """While the new file is written, and while its pages take the old ones' place."""
    path = tmp_path / "otto.db"
    await fill(path)

    def cut_off(done: int, total: int) -> None:
        if done >= at * total:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, sqlite3.OperationalError, DatabaseError)):
        compact(path, acquire_lock(path), on_progress=cut_off)
    journal = await SqliteJournal.open(path, durability="process")
    assert await messages(journal) == ["stays"]
    await journal.close()
    assert list(tmp_path.glob("*.compact")) == []


async def test_what_cannot_be_compacted_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a database, beside a gateway, and where there is not enough room; each says so."""
    path = tmp_path / "otto.db"
    with pytest.raises(DatabaseError, match="there is no database"):
        compact(path, acquire_lock(path))
    await fill(path)
    journal = await SqliteJournal.open(path, durability="process")
    with pytest.raises(DatabaseInUseError):
        acquire_lock(path)
    await journal.close()
    monkeypatch.setattr("storage.compaction.bytes_free", lambda _: 1000)
    with pytest.raises(DiskFullError, match="and 1,000 are free"):
        compact(path, acquire_lock(path))


def sqlite_value(path: Path, query: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchone()[0]
