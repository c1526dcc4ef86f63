"""Cutting records into transactions."""

from hypothesis import given
from hypothesis import strategies as st

from storage.polling.batches import Place, Rows, batches
from tests.support.record_list import RecordList


def _values(found: list[object]) -> list[str]:
    return [message for step in found if isinstance(step, Rows) for message in step.values[1::3]]


@given(
    runs=st.lists(st.lists(st.text(max_size=20), min_size=1, max_size=12), min_size=1, max_size=6),
    rows_max=st.integers(1, 7),
    bytes_max=st.integers(1, 900),
    stop=st.integers(0, 80),
)
def test_any_cut_gives_every_line_once_and_any_place_resumes(
    runs: list[list[str]], rows_max: int, bytes_max: int, stop: int
) -> None:
    """However records are cut, and wherever the copy stopped, the rest follows exactly."""
    journal = RecordList()
    for run in runs:
        journal.add("t", *run)
    cut = list(batches(journal.all, Place(), rows_max=rows_max, bytes_max=bytes_max))
    done, place = cut[:stop], (cut[min(stop, len(cut)) - 1].place if stop else Place())
    rest = batches(journal.all[place.after :], place, rows_max=rows_max, bytes_max=bytes_max)
    steps = [step for batch in (*done, *rest) for step in batch.steps]
    assert _values(steps) == [message for run in runs for message in run]
    assert all(batch.rows <= rows_max for batch in cut)
    assert all(batch.rows == 1 or batch.size <= bytes_max for batch in cut)
    assert cut[-1].place == Place(len(runs))


def test_small_records_share_a_transaction() -> None:
    """Commits of a line or two do not become a transaction each, and an end keeps its place between lines."""
    journal = RecordList()
    journal.add("a", "1")
    journal.add("b", "2")
    journal.end("a")
    journal.add("a", "3")
    [batch] = batches(journal.all, Place(), rows_max=500, bytes_max=1 << 20)
    assert [type(step).__name__ for step in batch.steps] == ["Rows", "TaskEnded", "Rows"]
    assert _values(batch.steps) == ["1", "2", "3"]


def test_a_place_in_a_record_that_retention_removed_skips_nothing_of_the_next() -> None:
    """The lines that were copied of a record belong to that record alone."""
    journal = RecordList()
    journal.add("a", "1", "2", "3")
    journal.add("a", "4", "5")
    [batch] = batches(journal.all[1:], Place(1, 2), rows_max=500, bytes_max=1 << 20)
    assert _values(batch.steps) == ["4", "5"]


def test_a_line_that_is_no_entry_is_copied_as_it_is_and_counted() -> None:
    """A damaged line stops nothing, and the lines around it stay as they are."""
    journal = RecordList()
    journal.add("a", "before")
    journal.add_raw("a", b'{"message": "cut off', b"\xff")
    journal.add("a", "behind")
    [batch] = batches(journal.all, Place(), rows_max=500, bytes_max=1 << 20)
    assert _values(batch.steps) == ["before", '{"message": "cut off', "\ufffd", "behind"]
    assert batch.unreadable == 2
