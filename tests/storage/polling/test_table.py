"""Opening the polling database."""

import re
import sqlite3
from pathlib import Path

import pytest

from storage.errors import DatabaseError, StorageUnavailableError
from storage.polling import PollingTable
from tests.support.job_logs import SCHEMA, sqlite


def _schema(database: Path) -> list[str]:
    return [re.sub(r"\s+", " ", text) for text in sqlite(database, ".schema job_logs").strip().split(";\n")]


def test_a_new_database_gets_exactly_the_tables_of_old(tmp_path: Path) -> None:
    """Table and index read as other programs have always created them."""
    PollingTable(tmp_path / "new.db").prepare()
    sqlite(tmp_path / "old.db", SCHEMA)
    assert _schema(tmp_path / "new.db") == [text.rstrip(";") for text in _schema(tmp_path / "old.db")] or _schema(
        tmp_path / "new.db"
    ) == _schema(tmp_path / "old.db")
    assert sqlite(tmp_path / "new.db", "PRAGMA journal_mode").strip() == "wal"


def test_a_table_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Rows, further columns, an index under another name and the journal mode are left alone."""
    database = tmp_path / "old.db"
    sqlite(database, SCHEMA.replace("idx_job_logs_job_id", "my_index") + "ALTER TABLE job_logs ADD COLUMN extra TEXT;")
    sqlite(database, "INSERT INTO job_logs (job_id, log_message, extra) VALUES ('j', 'm', 'x')")
    before = _schema(database)
    PollingTable(f"sqlite:///{database}").prepare()
    assert _schema(database) == before
    assert sqlite(database, "SELECT log_message, extra FROM job_logs").strip() == "m|x"
    assert sqlite(database, "PRAGMA journal_mode").strip() == "delete"


def test_a_missing_index_is_added(tmp_path: Path) -> None:
    """A table without an index on job_id gets it."""
    sqlite(tmp_path / "old.db", SCHEMA.split("CREATE INDEX", maxsplit=1)[0])
    PollingTable(tmp_path / "old.db").prepare()
    assert "idx_job_logs_job_id" in sqlite(tmp_path / "old.db", ".indexes job_logs")


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("CREATE TABLE job_logs (id INTEGER PRIMARY KEY, job_id TEXT)", "without the columns log_message, created_at"),
        (
            "CREATE TABLE job_logs (id TEXT PRIMARY KEY, job_id TEXT, log_message TEXT, created_at TEXT)",
            "the column id of job_logs is not INTEGER PRIMARY KEY",
        ),
        (SCHEMA.replace("CURRENT_TIMESTAMP\n", "CURRENT_TIMESTAMP, kind TEXT NOT NULL\n"), "the column kind as NOT"),
        ("CREATE VIEW job_logs AS SELECT 1 AS id", "job_logs is a view"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_sentence(tmp_path: Path, table: str, text: str) -> None:
    """The error names the file and what is missing or in the way."""
    sqlite(tmp_path / "other.db", table)
    with pytest.raises(DatabaseError, match=text) as caught:
        PollingTable(tmp_path / "other.db").prepare()
    assert "other.db" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of another kind, a directory that does not exist, another kind of URL."""
    (tmp_path / "text.db").write_text("this is a text of more than a hundred bytes " * 4)
    with pytest.raises(DatabaseError, match=r"text\.db is not an SQLite database"):
        PollingTable(tmp_path / "text.db").prepare()
    with pytest.raises(DatabaseError, match="cannot be opened"):
        PollingTable(tmp_path / "missing" / "a.db").prepare()
    for url in ("postgresql://host/db", "sqlite://", "sqlite:///:memory:", "://x"):
        with pytest.raises(DatabaseError, match="POLLING_DATABASE_URL"):
            PollingTable(url)


def test_a_complete_database_opens_beside_a_writer(tmp_path: Path) -> None:
    """Where nothing needs to be created, another program's lock does not stop the start; otherwise it is named."""
    table = PollingTable(tmp_path / "a.db")
    table.prepare()
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    table.prepare(busy_timeout_seconds=0)
    other.execute("DROP TABLE otto_sink_progress")
    other.execute("COMMIT")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailableError, match="locked by another program"):
        table.prepare(busy_timeout_seconds=0)
    other.close()


def test_one_lock_for_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However its path is written."""
    monkeypatch.chdir(tmp_path)
    lock = PollingTable("a.db").write_lock
    assert lock is PollingTable(f"sqlite:///{tmp_path}/a.db").write_lock
