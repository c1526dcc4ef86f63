"""Each way in which job_logs can differ from the journal is found, and put right."""

import pytest

from filters.entry import LogEntry
from storage.journal.interface import LineBatch
from storage.journal.sqlite import SqliteJournal
from storage.polling import ClosingRows, PollingSink, PollingTable, TableRows
from storage.polling.row_import import row_name
from storage.verification import Kind
from tests.storage.verification.conftest import Databases
from tests.support.filled_databases import BASE

_OWN = "(SELECT id FROM job_logs WHERE job_id = 'b' AND log_message LIKE 'line 25 of%')"


@pytest.mark.parametrize(
    ("statement", "expected", "repaired"),
    [
        (f"DELETE FROM job_logs WHERE id = {_OWN}", {"row_missing": 1}, {"inserted": 1}),
        ("DELETE FROM job_logs WHERE job_id = 'a' AND log_message LIKE 'line%'", {"row_missing": 60},
         {"inserted": 60}),
        (f"UPDATE job_logs SET log_message = 'else' WHERE id = {_OWN}", {"row_altered": 1}, {"rewritten": 1}),
        (f"UPDATE job_logs SET created_at = NULL WHERE id = {_OWN}", {"row_altered": 1}, {"rewritten": 1}),
        ("UPDATE job_logs SET job_id = 'x' WHERE job_id = 'c'", {"row_altered": 60}, {"rewritten": 60}),
        (f"UPDATE job_logs SET job_id = 'y' WHERE id = 3; DELETE FROM job_logs WHERE id = {_OWN}",
         {"row_altered": 1, "row_missing": 1},
         {"inserted": 1, "rewritten": 1}),
    ],
)  # fmt: skip
def test_missing_and_altered_rows_are_put_back_in_their_place(
    databases: Databases, statement: str, expected: dict[str, int], repaired: dict[str, int]
) -> None:
    """With their old ids, so that pollers see the old order; rows of other programs are not touched."""
    before = databases.rows()
    databases.sql("polling", statement)
    report = databases.verify()
    assert databases.found(report) == expected
    assert databases.verify().findings.counts == report.findings.counts  # a check changes nothing
    report = databases.repair()
    assert (databases.found(report), report.repaired) == ({}, repaired)
    assert databases.rows() == before


def test_a_finding_says_where(databases: Databases) -> None:
    """Task, line, record and row."""
    row = int(databases.sql("polling", f"SELECT {_OWN}"))
    databases.sql("polling", f"DELETE FROM job_logs WHERE id = {_OWN}")
    (finding,) = databases.verify().findings.kept[Kind.ROW_MISSING]
    assert finding.text == f"line 25 of task 'b': row {row} is not there"
    assert (finding.task_id, finding.sequence, finding.row_id) == ("b", 25, row)


async def _copy_again(databases: Databases) -> None:
    """A sink that has forgotten how far it was."""
    journal = await SqliteJournal.open(databases.journal)
    table = await PollingTable.open(databases.polling)
    sink = PollingSink(journal, table, table_rows=TableRows.NEW, closing_rows=ClosingRows.NEVER)
    await sink.start()
    await sink.close()
    await table.close()
    await journal.close()


@pytest.mark.parametrize(("place", "doubled"), [("record = 0, line = 0", 180), ("record = 11, line = 7", 13)])
async def test_rows_copied_twice_are_counted_and_deleted(databases: Databases, place: str, doubled: int) -> None:
    """The first copies stay, with their ids; the account fits again, so that later copies continue as ever."""
    before = databases.rows()
    databases.sql("polling", f"UPDATE otto_sink_progress SET {place}")
    await _copy_again(databases)
    assert databases.found(databases.verify()) == {"row_doubled": doubled}
    report = databases.repair()
    assert (databases.found(report), report.repaired) == ({}, {"deleted": doubled})
    assert databases.rows() == before


def test_lines_that_were_never_copied_are_copied_in_their_order(databases: Databases) -> None:
    """Where the progress was moved on past lines, all rows after them are written anew, the others stay."""
    before = databases.rows()
    databases.sql(
        "polling",
        "DELETE FROM job_logs WHERE id >= 70 AND id <= 122;UPDATE otto_sink_rows SET last_id = 69 WHERE first_id = 63",
    )
    counts = databases.found(databases.verify())
    assert counts == {"row_missing": 53}
    report = databases.repair()
    assert databases.found(report) == {}
    assert report.repaired["copied"] > 53
    assert databases.rows() == before  # job by job
    assert databases.found(databases.verify()) == {}


def test_rows_that_retention_deleted_are_not_missing(databases: Databases) -> None:
    """They are counted as expired; without the setting they are missing."""
    databases.sql("polling", "DELETE FROM job_logs WHERE job_id = 'a'")
    assert databases.found(databases.verify()) == {"row_missing": 60}
    report = databases.verify(retention_days=30)
    assert (databases.found(report), report.expired_rows) == ({}, 60)


def test_records_that_are_gone_leave_the_rest_comparable(databases: Databases) -> None:
    """Where old chunks were removed, rows after them are found again, and damage among those is still seen."""
    databases.sql(
        "journal",
        "DELETE FROM journal_records WHERE task_key = (SELECT task_key FROM journal_tasks WHERE task_id = 'b') "
        "AND kind = 0 AND last_sequence <= 40;"
        "UPDATE journal_tasks SET first_sequence = 41 WHERE task_id = 'b'",
    )
    assert databases.found(databases.verify()) == {}
    databases.sql("polling", "UPDATE job_logs SET log_message = '' WHERE log_message LIKE 'line 45 of b%'")
    assert databases.found(databases.verify()) == {"row_altered": 1}


def test_rows_of_others_that_became_no_line_are_named(databases: Databases) -> None:
    """A row that the journal says it has passed, and that is no copy, must be a line."""
    databases.sql(
        "polling",
        "DELETE FROM otto_sink_rows WHERE first_id = 63;"
        "UPDATE otto_sink_progress SET record = 4, line = 0; DELETE FROM otto_sink_rows WHERE first_id > 62",
    )
    counts = databases.found(databases.verify())
    assert counts["foreign_row_missing"] == 120


async def test_rows_of_others_that_became_two_lines_are_named(databases: Databases) -> None:
    """A line says which row it was."""
    watch = databases.sql("polling", "SELECT watch_id FROM otto_table_watch").strip()
    twin = LogEntry("old", "table", 0, BASE, "INFO", "table", "row 1", {"rowId": row_name(watch, 123)})
    journal = await SqliteJournal.open(databases.journal)
    await journal.append(LineBatch("old", "table", [twin], 100, 0.0, from_table=True))
    await journal.close()
    report = databases.verify()
    assert databases.found(report) == {"foreign_row_doubled": 1}
    assert report.findings.kept[Kind.FOREIGN_ROW_DOUBLED][0].row_id == 123


def test_a_progress_beyond_the_journal_is_named(databases: Databases) -> None:
    """It would leave out what comes next."""
    databases.sql("polling", "UPDATE otto_sink_progress SET record = 400")
    assert databases.found(databases.verify()) == {"progress_wrong": 1}


def test_without_tables_there_is_a_note(databases: Databases) -> None:
    """The journal is checked all the same."""
    databases.polling.unlink()
    report = databases.verify()
    assert (databases.found(report), len(report.notes)) == ({}, 1)
