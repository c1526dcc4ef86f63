import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

from components.batch_jobs.tables.schema import metadata as batch_jobs
from components.executions.tables.schema import metadata as executions
from storage.errors import DatabaseError, DatabaseInUseError, StorageError
from storage.journal.sqlite import SqliteJournal
from storage.journal.sqlite.schema import metadata
from storage.sqlite.files import exposure, migrate, sqlite_path
from storage.sqlite.schema_version import VERSION_TABLE
from tests.support.journal_items import batch


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///otto.db", "otto.db"),
        ("sqlite:///data/otto.db", "data/otto.db"),
        ("sqlite:////var/lib/otto.db", "/var/lib/otto.db"),
        ("sqlite:////srv/a%23b/otto.db", "/srv/a#b/otto.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    """Three slashes and a relative path, or four for an absolute one."""
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://u:secret@host/db", "PostgreSQL cannot be used for this yet"),
        ("postgresql+asyncpg://u:secret@host/db", "PostgreSQL cannot be used for this yet"),
        ("mysql://u:secret@host/db", "must start with sqlite:///"),
        ("otto.db", "must start with sqlite:///"),
        ("sqlite://otto.db", "must name a file"),
        ("sqlite://", "must name a file"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
    ],
)
def test_a_wrong_url_is_explained(url: str, text: str) -> None:
    """In one sentence, without the password that may be in it."""
    with pytest.raises(DatabaseError, match=text) as raised:
        sqlite_path(url)
    assert "secret" not in str(raised.value)


def test_the_scripts_make_what_the_metadata_says(tmp_path: Path) -> None:
    """No table, column or index differs, and migrating again is harmless."""
    url = f"sqlite:///{tmp_path}/otto.db"
    assert migrate(url) == migrate(url)
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, [metadata, executions, batch_jobs]) == []  # type: ignore[arg-type]
    engine.dispose()


async def test_a_migration_that_breaks_off_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All tables are made or none, so that the next start can begin again."""

    def fail(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "otto.db"
    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", fail)
        with pytest.raises(KeyboardInterrupt):
            migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    journal = await SqliteJournal.open(path)
    await journal.close()


@pytest.mark.parametrize("name", ["otto.db", "a#b.db", "a%41.db", "what?.db", "로그 기록.db"])
async def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    """What is migrated is the file that is opened."""
    journal = await SqliteJournal.open(tmp_path / name)
    await journal.close()
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.lock", f"{name}.mark"}


async def test_tables_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    """A database with old logs, and even with an Alembic of its own, gets our tables beside its own."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "CREATE TABLE job_logs (id INTEGER PRIMARY KEY, job_id TEXT); INSERT INTO job_logs VALUES (1, 'x');"
            "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('theirs');"
        )
    journal = await SqliteJournal.open(path)
    await journal.close()
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("SELECT * FROM job_logs").fetchall() == [(1, "x")]
        assert old.execute("SELECT * FROM alembic_version").fetchall() == [("theirs",)]


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program does not touch what it does not understand."""
    path = tmp_path / "otto.db"
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
        newer.commit()
    with pytest.raises(DatabaseError, match="written by a newer gateway"):
        await SqliteJournal.open(path)
    with pytest.raises(DatabaseError, match="0999"):
        migrate(f"sqlite:///{path}")


async def test_a_second_gateway_is_refused(tmp_path: Path) -> None:
    """One file has one writer; the lock goes with the one who holds it."""
    path = tmp_path / "otto.db"
    journal = await SqliteJournal.open(path)
    for _ in range(2):
        with pytest.raises(DatabaseInUseError, match="another gateway is running"):
            await SqliteJournal.open(path)
    await journal.close()
    again = await SqliteJournal.open(path)
    await again.close()


@pytest.mark.parametrize(
    ("place", "text"),
    [("missing/otto.db", "no folder"), ("text", "not an SQLite database"), ("directory", "cannot be opened")],
)
async def test_a_file_that_cannot_be_used_is_explained(tmp_path: Path, place: str, text: str) -> None:
    """In one sentence that names the file."""
    (tmp_path / "text").write_text("nothing but text, and more than a header of it " * 10)
    (tmp_path / "directory").mkdir()
    with pytest.raises(StorageError, match=text) as raised:
        await SqliteJournal.open(tmp_path / place)
    assert place in str(raised.value)


# Threat: another user of the machine reads the lines in the files, or writes them.
async def test_new_files_of_a_database_are_for_their_owner_alone(tmp_path: Path) -> None:
    """The database, its write-ahead log, lock and mark, whatever the umask; also through a symbolic link."""
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "otto.db")
    before = os.umask(0)
    try:
        journal = await SqliteJournal.open(link)
        await journal.append(batch("line"))
        modes = {file.name: stat.filemode(file.stat().st_mode) for file in tmp_path.iterdir()}
        await journal.close()
    finally:
        os.umask(before)
    assert {"otto.db", "otto.db-wal", "otto.db-shm", "link.db.lock", "link.db.mark"} <= set(modes)
    assert set(modes.values()) == {"-rw-------"}


@pytest.mark.parametrize("mode", [0o640, 0o660, 0o644])
async def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    """So that a group can be let in; the files beside it follow."""
    path = tmp_path / "otto.db"
    path.touch()
    path.chmod(mode)
    journal = await SqliteJournal.open(path)
    await journal.append(batch("line"))
    assert [Path(f"{path}{end}").stat().st_mode & 0o777 for end in ("", "-wal", "-shm")] == [mode] * 3
    await journal.close()


# Threat: in a folder that others can write, one of these names leads to a file of ours.
@pytest.mark.parametrize("suffix", [".lock", ".mark"])
async def test_files_beside_a_database_are_no_symbolic_links(tmp_path: Path, suffix: str) -> None:
    """Nothing is written through one."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    Path(f"{tmp_path}/otto.db{suffix}").symlink_to(victim)
    with pytest.raises(StorageError):
        await SqliteJournal.open(tmp_path / "otto.db")
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o600, None), (0o660, None), (0o644, "may read "), (0o666, "may read and write ")]
)
def test_a_database_that_everybody_may_use_is_named(tmp_path: Path, mode: int, expected: str | None) -> None:
    """A group may have been let in on purpose; a file that is not there yet will be private."""
    path = tmp_path / "otto.db"
    assert exposure(path) is None
    path.touch()
    path.chmod(mode)
    found = exposure(path)
    assert found is None if expected is None else expected in str(found)
