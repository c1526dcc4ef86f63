"""Connections to SQLite files."""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.sqlite.connections import Access, Durability, FileConnection, checkpoint, open_connection
from storage.sqlite.write_lock import WriteLock
from tests.support.job_logs import sqlite

ROOT = Path(__file__).parents[3]
FULL, NORMAL = 2, 1


def setting(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


@pytest.mark.parametrize("access", [Access.READ, Access.CHANGE])
def test_a_connection_to_what_must_exist_creates_nothing(tmp_path: Path, access: Access) -> None:
    """A file that is missing stays missing."""
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        open_connection(tmp_path / "a.db", access).execute("SELECT 1 FROM sqlite_master")
    assert not (tmp_path / "a.db").exists()


def test_a_reading_connection_cannot_write(tmp_path: Path) -> None:
    """Whatever statement it is given."""
    sqlite(tmp_path / "a.db", "CREATE TABLE t (x)")
    with (
        closing(open_connection(tmp_path / "a.db", Access.READ)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("INSERT INTO t VALUES (1)")


@pytest.mark.parametrize(("durability", "level"), [("full", FULL), ("process", NORMAL)])
def test_a_new_file_has_a_write_ahead_log_as_durable_as_asked(
    tmp_path: Path, durability: Durability, level: int
) -> None:
    """Readers and the writer do not wait for each other, and checkpoints happen outside of commits."""
    with closing(open_connection(tmp_path / "a.db", Access.WRITE, durability=durability)) as connection:
        found = [setting(connection, name) for name in ("journal_mode", "synchronous", "wal_autocheckpoint")]
    assert found == ["wal", level, 0]


def test_a_file_without_a_write_ahead_log_stays_so_and_waits_for_the_disk(tmp_path: Path) -> None:
    """With ``synchronous=NORMAL`` a power cut could damage it."""
    sqlite(tmp_path / "a.db", "PRAGMA journal_mode = delete; CREATE TABLE t (x)")
    with closing(open_connection(tmp_path / "a.db", Access.WRITE, durability="process")) as connection:
        assert [setting(connection, name) for name in ("journal_mode", "synchronous")] == ["delete", FULL]


def test_a_file_connection_follows_the_file_that_is_there(tmp_path: Path) -> None:
    """Where another file has taken the place of the open one, the next use is of that one."""
    path, other = tmp_path / "a.db", tmp_path / "b.db"
    for number, each in enumerate((path, other)):
        sqlite(each, f"CREATE TABLE t (x); INSERT INTO t VALUES ({number})")
    connection = FileConnection(path, lambda: open_connection(path, Access.READ))
    assert connection.get().execute("SELECT x FROM t").fetchone() == (0,)
    other.replace(path)
    assert connection.is_replaced
    assert connection.get().execute("SELECT x FROM t").fetchone() == (1,)
    connection.close()


def test_the_log_is_copied_by_what_was_written_and_not_by_the_size_it_once_had(tmp_path: Path) -> None:
    """Some transactions share one checkpoint, also after the log's file has grown, which stays as large as it was."""
    lock, statements = WriteLock(), list[str]()
    with closing(open_connection(tmp_path / "a.db", Access.WRITE)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.set_trace_callback(statements.append)
        for _ in range(3):
            for _ in range(8):
                connection.execute("INSERT INTO t VALUES (zeroblob(1000000))")
                checkpoint(connection, lock, 1_000_000)
    checkpoints = [place for place, text in enumerate(statements) if "wal_checkpoint" in text]
    assert len(checkpoints) == 4
    assert all(later - earlier == 6 for earlier, later in itertools.pairwise(checkpoints))


def test_connections_are_opened_in_one_place() -> None:
    """No other module decides about access, durability or checkpoints, but the copying of older programs' files."""
    packages = ("storage", "gateway", "components", "sessions", "filters")
    sources = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in sources if "sqlite3.connect(" in path.read_text()}
    assert found - {"gateway/commands/migration.py"} == {"storage/sqlite/connections.py"}
