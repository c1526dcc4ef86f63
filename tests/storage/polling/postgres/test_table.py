"""Opening and reading the polling tables on PostgreSQL."""

from pathlib import Path

import msgspec
import pytest

from storage.errors import DatabaseError
from storage.polling import PollingSink, PollingStore, PollingTable
from storage.polling.postgres_schema import SCHEMA
from storage.polling.postgres_table import PostgresPollingTable
from tests.support.postgres_server import PostgresServer
from tests.support.psql import psql
from tests.support.record_list import RecordList

DOCUMENT = Path(__file__).parents[4] / "docs" / "polling.md"


async def test_the_documented_schema_is_the_one_that_is_made() -> None:
    """`docs/polling.md` has the statements as they are executed."""
    text = DOCUMENT.read_text()
    for statement in SCHEMA:
        assert f"{statement.strip()};" in text


async def test_pages_are_those_of_sqlite(tmp_path: Path, table: PostgresPollingTable) -> None:
    """The same records give the same extents and the same bytes of JSON, page by page."""
    journal = RecordList()
    journal.add("job", "가", 'quote " and \\', "x" * 300)
    journal.add("other", "y")
    journal.add("job", "z")
    answers = []
    stores: list[PollingStore] = [await PollingTable.open(tmp_path / "a.db"), table]
    for store in stores:
        sink = PollingSink(journal, store)
        await sink.start()
        await sink.close()
        extent = await store.extent("job")
        pages = [await store.page("job", after, 5, rows_max=2, bytes_max=400) for after in (0, 2, 4, 5)]
        answers.append(
            (extent, pages, await store.extent("none\0"), await store.page("none", 0, 9, rows_max=1, bytes_max=9))
        )
    await stores[0].close()
    assert answers[0] == answers[1]
    assert msgspec.json.decode(b"[%b]" % answers[1][1][0].rows)[0]["created_at"] == "2025-01-02 03:04:05"


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            "CREATE TABLE job_logs (id bigserial PRIMARY KEY, job_id text)",
            "without the columns log_message, created_at",
        ),
        (
            "CREATE TABLE job_logs (id text, job_id text, log_message text, created_at text)",
            "id of job_logs is no integer",
        ),
        ("CREATE VIEW job_logs AS SELECT 1 AS id", "job_logs is no table"),
        (
            "CREATE TABLE job_logs (id serial, job_id text, log_message text, created_at date)",
            "created_at of job_logs is date, and no time",
        ),
        (
            "CREATE TABLE job_logs (id serial, job_id text, log_message text, created_at text, kind text NOT NULL)",
            "the column kind as NOT NULL",
        ),
    ],
)
async def test_a_table_that_does_not_fit_is_refused_in_one_sentence(url: str, statement: str, text: str) -> None:
    """The error names the server and what is missing or in the way, without a password."""
    await psql(url, statement)
    with pytest.raises(DatabaseError, match=text) as caught:
        await PostgresPollingTable.open(url.replace("otto@", "otto:secret@"))
    assert str(caught.value).startswith("PostgreSQL at 127.0.0.1:")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_table_of_another_owner_says_which_right_is_missing(postgres: PostgresServer, url: str) -> None:
    """First to read it, then to add the trigger; with the rights, rows are added to it as it is."""
    schema = url.rpartition("=")[2]
    role = f"role_{schema}"
    await postgres.execute(f"CREATE ROLE {role} LOGIN; GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")
    await psql(
        url, "CREATE TABLE job_logs (id serial PRIMARY KEY, job_id text, log_message text, created_at timestamptz)"
    )
    theirs = postgres.url(schema, user=role)
    with pytest.raises(DatabaseError, match="no right to SELECT on job_logs; its owner has to GRANT"):
        await PostgresPollingTable.open(theirs)
    await psql(
        url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON job_logs TO {role}; GRANT USAGE ON job_logs_id_seq TO {role}"
    )
    with pytest.raises(DatabaseError, match=r"may not create the index idx_job_logs_job_id .*must be owner of table"):
        await PostgresPollingTable.open(theirs)
    await psql(url, f"CREATE INDEX mine ON job_logs (job_id); GRANT TRIGGER ON job_logs TO {role}")
    table = await PostgresPollingTable.open(theirs)
    journal = RecordList()
    journal.add("job", "a")
    sink = PollingSink(journal, table)
    await sink.start()
    await sink.close()
    page = await table.page("job", 0, 9, rows_max=9, bytes_max=999)
    await table.close()
    assert msgspec.json.decode(page.rows)["created_at"] == "2025-01-02 03:04:05"
