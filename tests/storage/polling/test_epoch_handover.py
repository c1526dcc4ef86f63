"""What a new epoch's copy begins with, table by table."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.journal.interface import Ancestor
from storage.polling import PollingTable, schema
from storage.polling.epoch_handover import IDS_SKIPPED, hand_over_epoch

STORE = PollingTable("unused.db")


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    """A polling database to which one life, ``old``, has copied records 1 to 10."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.prepare(connection, Path("unused.db"))
        connection.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('t', 'line')")
        connection.execute("INSERT INTO otto_sink_progress VALUES ('s', 'old', 10, 3)")
        connection.execute("INSERT INTO otto_sink_closings VALUES ('old', 't', 'ended', '2026-01-01')")
        connection.execute("INSERT INTO otto_sink_rows VALUES ('old', 1, 1, 10, 3)")
        connection.execute("INSERT INTO otto_table_watch VALUES ('old', 'watch', 1)")
        yield connection


def of_new(table: sqlite3.Connection, name: str) -> list[tuple[object, ...]]:
    return [row[1:] for row in table.execute(f"SELECT * FROM {name} WHERE epoch = 'new'")]


def progress(table: sqlite3.Connection) -> list[tuple[int, int]]:
    return table.execute("SELECT record, line FROM otto_sink_progress WHERE epoch = 'new'").fetchall()


@pytest.mark.parametrize("last_record", [10, 15])
def test_a_table_that_went_back_as_well_goes_on_with_its_accounts(table: sqlite3.Connection, last_record: int) -> None:
    """Which rows are copies, and how far others' rows were taken over, is true in the new life too."""
    hand_over_epoch(STORE, table, "s", "new", [Ancestor("old", last_record)])

    assert progress(table) == [(10, 3)]
    assert of_new(table, "otto_sink_rows") == [(1, 1, 10, 3)]
    assert of_new(table, "otto_table_watch") == [("watch", 1)]
    assert of_new(table, "otto_sink_closings") == [("t", "ended", "2026-01-01")]


def test_a_table_that_is_further_than_the_journal_begins_its_accounts_anew(table: sqlite3.Connection) -> None:
    """It has rows of lines that the journal has lost: copying continues where the journal ends."""
    hand_over_epoch(STORE, table, "s", "new", [Ancestor("old", 7)])

    assert progress(table) == [(7, 0)]
    assert of_new(table, "otto_sink_rows") == of_new(table, "otto_table_watch") == []
    assert of_new(table, "otto_sink_closings") == [("t", "ended", "2026-01-01")]


def test_a_life_without_a_copy_is_passed_over(table: sqlite3.Connection) -> None:
    """The journal shares with an older one only what every life in between has left of it."""
    hand_over_epoch(STORE, table, "s", "new", [Ancestor("between", 4), Ancestor("old", 8)])

    assert progress(table) == [(4, 0)]
    assert of_new(table, "otto_table_watch") == []


def test_nothing_is_taken_from_lives_that_are_no_ancestors(table: sqlite3.Connection) -> None:
    """Another gateway's journal may fill the same table; ids then continue as they were."""
    hand_over_epoch(STORE, table, "s", "new", [Ancestor("stranger", 10)])
    hand_over_epoch(STORE, table, "other sink", "new", [Ancestor("old", 10)])

    assert progress(table) == []
    assert of_new(table, "otto_table_watch") == []
    assert table.execute("SELECT seq FROM sqlite_sequence").fetchall() == [(1,)]


def test_the_old_lifes_accounts_stay(table: sqlite3.Connection) -> None:
    """It may be put back in place; and what the new one has already is not overwritten."""
    table.execute("INSERT INTO otto_table_watch VALUES ('new', 'mine', 5)")
    hand_over_epoch(STORE, table, "s", "new", [Ancestor("old", 10)])

    assert of_new(table, "otto_table_watch") == [("mine", 5)]
    assert table.execute("SELECT count(*) FROM otto_sink_rows WHERE epoch = 'old'").fetchone() == (1,)


def test_ids_go_on_far_behind_those_that_may_have_been_given(table: sqlite3.Connection) -> None:
    """A poller by ``afterId`` misses none of the rows that come now."""
    hand_over_epoch(STORE, table, "s", "new", [Ancestor("old", 10)])
    table.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('t', 'next')")

    assert table.execute("SELECT max(id) FROM job_logs").fetchone() == (IDS_SKIPPED + 2,)


def test_a_table_without_ids_of_that_kind_is_left_alone(table: sqlite3.Connection) -> None:
    """A ``job_logs`` that another program has made may have no AUTOINCREMENT."""
    table.execute("DROP TABLE job_logs")
    table.execute("DELETE FROM sqlite_sequence")
    table.execute("CREATE TABLE job_logs (id INTEGER PRIMARY KEY, job_id TEXT, log_message TEXT)")

    hand_over_epoch(STORE, table, "s", "new", [Ancestor("old", 10)])

    assert progress(table) == [(10, 3)]
