"""Deleting rows of PostgreSQL whose time is over."""

import asyncio
from datetime import UTC, datetime

import pytest

from storage.polling.postgres_table import PostgresPollingTable
from storage.retention.policy import RetentionPolicy
from storage.retention.postgres_sweep import PostgresSweep
from storage.retention.rules import parse_rules
from tests.support.postgres_server import PostgresServer
from tests.support.psql import database_rows, psql

NOW = datetime(2027, 1, 31, 3, 0, 0, tzinfo=UTC).timestamp()
DAY = 86_400.0
ROWS = """
INSERT INTO job_logs (job_id, log_message, created_at) VALUES
('j', 'old', '2027-01-01 00:00:00'), ('j', 'new', '2027-01-31 02:00:00'), ('j', 'none', NULL),
('keep_1', 'kept', '2020-01-01 00:00:00'), ('keepx1', 'gone', '2020-01-01 00:00:00'),
('short', 'hour', '2027-01-31 01:00:00'), ('other', 'old', '2027-01-29 00:00:00')"""


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "text"])
def test_old_rows_of_everyone_go_by_age_and_rules(postgres: PostgresServer, kind: str) -> None:
    """As on SQLite, whatever type the times have; a row without a time stays, and `_` in a rule is itself."""
    url = asyncio.run(postgres.add_schema())
    table = f"CREATE TABLE job_logs (id serial PRIMARY KEY, job_id text, log_message text, created_at {kind})"
    asyncio.run(psql(url, f"SET TimeZone = 'UTC'; {table}; {ROWS}"))
    asyncio.run(_prepared(url))
    policy = RetentionPolicy(age_seconds=DAY, rules=parse_rules("keep_*=keep,s?ort=90m"))
    sweep = PostgresSweep(url, policy, rows_max=2)
    assert sweep.rows_to_go(NOW, ()) == 4
    assert sweep.rows_to_go(NOW, (), frozenset({"j", "short"})) == 2
    while sweep.step(NOW, frozenset({"j"})):
        pass
    assert sweep.deleted == 3
    while sweep.step(NOW):
        pass
    assert database_rows(url, "SELECT log_message FROM job_logs ORDER BY id") == [("new",), ("none",), ("kept",)]
    assert sweep.deleted == 4
    assert sweep.remove_jobs(sweep.last_rows(["j", "none"]))
    assert not sweep.remove_jobs({"j": 9})
    sweep.close()
    assert database_rows(url, "SELECT job_id FROM job_logs") == [("keep_1",)]


async def _prepared(url: str) -> None:
    await (await PostgresPollingTable.open(url)).close()
