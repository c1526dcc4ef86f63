"""Deleting old rows."""

import time
from pathlib import Path

import pytest

from storage.errors import StorageUnavailableError
from storage.polling import PollingTable
from storage.retention.policy import RetentionPolicy
from storage.retention.rules import parse_rules
from storage.retention.table_sweep import RetentionSweep
from tests.support.job_logs import messages, sqlite

DAY = 86400.0


@pytest.fixture
def table(tmp_path: Path) -> PollingTable:
    table = PollingTable(tmp_path / "a.db")
    table.prepare()
    return table


def test_old_rows_of_everyone_go_and_the_rest_stays(table: PollingTable) -> None:
    """A row's own time decides, in any form that SQLite reads; without a readable one it is kept."""
    sqlite(
        table.path,
        """INSERT INTO job_logs (job_id, log_message, created_at) VALUES
        ('j', 'old', datetime('now', '-8 days')), ('j', 'new', datetime('now', '-6 days')),
        ('j', 'old, ISO', '2020-01-01T00:00:00.123Z'), ('j', 'no time', NULL), ('j', 'odd time', 'yesterday'),
        ('j', 'old, behind new ones', '2020-01-01 00:00:00'), ('j', 'now', CURRENT_TIMESTAMP)""",
    )
    sweep = RetentionSweep(table, RetentionPolicy(age_seconds=7 * DAY), rows_max=2)
    assert sweep.rows_to_go(time.time(), ()) == 3
    steps = 0
    while sweep.step(time.time()):
        steps += 1
    assert steps == 4
    assert sweep.deleted == 3
    assert messages(table.path, "j") == ["new", "no time", "odd time", "now"]


def test_a_rule_gives_its_jobs_an_age_of_their_own(table: PollingTable) -> None:
    """The first rule that covers a job counts, and brackets are letters like others."""
    sqlite(
        table.path,
        """INSERT INTO job_logs (job_id, log_message, created_at) VALUES
        ('nightly-1', 'a', datetime('now', '-2 days')), ('nightly-keep', 'b', datetime('now', '-99 days')),
        ('x', 'c', datetime('now', '-2 days')), ('x', 'd', datetime('now', '-8 days')),
        ('[x]', 'e', datetime('now', '-2 days')), ('Nightly-2', 'f', datetime('now', '-2 days'))""",
    )
    rules = parse_rules("nightly-keep=keep,nightly-*=1d,[?]=1d")
    sweep = RetentionSweep(table, RetentionPolicy(age_seconds=7 * DAY, rules=rules))
    while sweep.step(time.time()):
        pass
    assert sqlite(table.path, "SELECT group_concat(log_message, '') FROM job_logs").strip() == "bcf"


def test_the_rows_of_one_job_go_in_steps(table: PollingTable) -> None:
    """Up to a row; later ones and those of others stay."""
    values = ", ".join(f"('{job}', '{n}')" for n in range(5) for job in "ab")
    sqlite(table.path, f"INSERT INTO job_logs (job_id, log_message) VALUES {values}")
    sweep = RetentionSweep(table, RetentionPolicy(), rows_max=2)
    last = sweep.last_rows(["a", "c"])
    sqlite(table.path, "INSERT INTO job_logs (job_id, log_message) VALUES ('a', 'late')")
    assert [sweep.remove_jobs(last) for _ in range(3)] == [True, True, False]
    sweep.close()
    assert (messages(table.path, "a"), messages(table.path, "b")) == (["late"], list("01234"))
    assert (sweep.last_rows(["c"]), sweep.deleted) == ({}, 5)
    sweep.close()


def test_what_is_known_of_rows_that_are_gone_is_forgotten(table: PollingTable) -> None:
    """At the end of a pass: the account of copies stays as small as what is left of them."""
    sqlite(
        table.path,
        """INSERT INTO job_logs (id, job_id, log_message, created_at) VALUES
        (3, 'j', 'old', '2020-01-01'), (4, 'j', 'new', CURRENT_TIMESTAMP), (5, 'j', 'newer', CURRENT_TIMESTAMP)""",
    )
    for first, last in ((1, 2), (3, 3), (4, 5)):
        sqlite(table.path, f"INSERT INTO otto_sink_rows VALUES ('e', {first}, {last}, 10, 1)")
    sweep = RetentionSweep(table, RetentionPolicy(age_seconds=DAY))
    while sweep.step(time.time()):
        pass
    assert sqlite(table.path, "SELECT group_concat(first_id || '-' || last_id) FROM otto_sink_rows").strip() == "4-5"


def test_a_table_that_is_gone_is_an_error_that_says_so(table: PollingTable) -> None:
    """The same step can be tried again."""
    sqlite(table.path, "DROP TABLE job_logs")
    sweep = RetentionSweep(table, RetentionPolicy(age_seconds=DAY))
    calls = (
        lambda: sweep.step(0),
        lambda: sweep.last_rows(["a"]),
        lambda: sweep.remove_jobs({"a": 1}),
        lambda: sweep.rows_to_go(0, ()),
    )
    for call in calls:
        with pytest.raises(StorageUnavailableError, match="job_logs"):
            call()


def test_an_age_beyond_all_dates_keeps_everything(table: PollingTable) -> None:
    """As no age does."""
    sqlite(table.path, "INSERT INTO job_logs (job_id, log_message, created_at) VALUES ('a', 'b', '1970-01-01')")
    assert RetentionSweep(table, RetentionPolicy(age_seconds=1e15)).rows_to_go(time.time(), ()) == 0
