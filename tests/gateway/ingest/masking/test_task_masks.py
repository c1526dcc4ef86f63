import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from filters.entry import LogEntry
from gateway.errors import ApiError
from gateway.ingest.masking.task_masks import TaskMasks
from storage.errors import StorageError
from storage.journal.interface import LineBatch, ProducerNumber, Receipt, TaskEnding, WorkerReport
from tests.support.waiting import until
from tests.support.watched_journal import WatchedJournal

SECRET = "hunter-2-secret"
AT = "2026-01-01T00:00:00.000000000Z"
NEVER = 3_600.0


def batch(number: int, *messages: str, worker: str = "w", task: str = "t", producer: str = "p") -> LineBatch:
    entries = [LogEntry(task, worker, 0, AT, "INFO", "stdout", message) for message in messages]
    return LineBatch(task, worker, entries, 1, 0.0, ProducerNumber(producer, number) if number else None)


class Outcomes(list[Receipt | StorageError]):
    def __call__(self, outcome: Receipt | StorageError) -> None:
        self.append(outcome)


@pytest.fixture
async def masks(journal: WatchedJournal) -> AsyncIterator[TaskMasks]:
    masks = TaskMasks(journal, hold_seconds=NEVER)
    await masks.mask("t", [SECRET])
    yield masks
    masks.release()


async def stored(journal: WatchedJournal, task_id: str = "t") -> list[str]:
    return [entry.message for entry in await journal.entries(task_id)]


async def test_without_secrets_the_journal_itself_is_called(journal: WatchedJournal) -> None:
    """There is nothing in between that could cost anything."""
    assert TaskMasks(journal).submit == journal.submit


async def test_what_is_held_is_neither_stored_nor_acknowledged(masks: TaskMasks, journal: WatchedJournal) -> None:
    """It goes with the next batch, both masked, in their order."""
    outcomes = Outcomes()
    masks.submit(batch(1, "a", "b hunter"), outcomes)
    assert (masks.is_holding, journal.appended) == (True, [])
    masks.submit(batch(2, "-2-secret c"), outcomes)
    await until(lambda: len(outcomes) == 2, "both are stored")

    assert await stored(journal) == ["a", "b ***", "*** c"]
    assert (masks.is_holding, dict(masks.counts_of("t")), dict(masks.counts)) == (False, {"known": 2}, {"known": 2})


async def test_a_producers_numbers_are_stored_in_order(masks: TaskMasks, journal: WatchedJournal) -> None:
    """Lines of another task wait behind those that are held; another producer's do not."""
    outcomes = Outcomes()
    masks.submit(batch(1, "hunter"), outcomes)
    masks.submit(batch(2, "of another task", task="u"), outcomes)
    masks.submit(batch(1, "of another producer", task="u", producer="q"), outcomes)
    await until(lambda: len(outcomes) == 1, "one is stored")
    assert await stored(journal, "u") == ["of another producer"]

    masks.release()
    await until(lambda: len(outcomes) == 3, "all are stored")
    assert await stored(journal) == ["hunter"]
    assert await stored(journal, "u") == ["of another producer", "of another task"]


async def test_a_held_line_goes_when_its_time_is_up(journal: WatchedJournal) -> None:
    """And what follows it is masked, also after it was stored."""
    masks = TaskMasks(journal, hold_seconds=0.001)
    await masks.mask("t", [SECRET])
    outcomes = Outcomes()
    masks.submit(batch(0, "hunter"), outcomes)
    await until(lambda: len(outcomes) == 1, "it is stored")
    masks.submit(batch(0, "-2-secret!"), outcomes)
    await until(lambda: len(outcomes) == 2, "it is stored")
    assert await stored(journal) == ["hunter", "***!"]


async def test_what_is_sent_again_is_masked_again(masks: TaskMasks, journal: WatchedJournal) -> None:
    """A batch that could not be stored continues where the one before it ended, whatever came in between."""
    outcomes = Outcomes()
    masks.submit(batch(1, "x hunter"), outcomes)
    masks.release()
    await until(lambda: len(outcomes) == 1, "it is stored")
    journal.failure = "the disk is full"
    masks.submit(batch(2, "-2-secret y hunter"), outcomes)
    masks.release()
    await until(lambda: isinstance(outcomes[-1], StorageError), "it is refused")
    journal.failure = ""
    for _ in range(2):
        masks.submit(batch(2, "-2-secret y hunter"), outcomes)
        masks.release()
    masks.submit(batch(3, "-2-secret z"), outcomes)
    await until(lambda: len(outcomes) == 5, "all are settled")
    assert await stored(journal) == ["x hunter", "*** y hunter", "*** z"]


async def test_reports_wait_for_no_line_and_overtake_none(masks: TaskMasks, journal: WatchedJournal) -> None:
    """What is held of their task goes first; reasons and metadata are masked."""
    outcomes = Outcomes()
    masks.submit(batch(0, "hunter"), outcomes)
    masks.submit(WorkerReport("t", "w", "FAILED", AT, f"{SECRET}?", {"command": f"x {SECRET}"}), outcomes)
    masks.submit(TaskEnding("t", True, AT, SECRET), outcomes)
    await until(lambda: len(outcomes) == 3, "all are stored")

    line, report, ending = journal.appended
    assert isinstance(line, LineBatch)
    assert isinstance(report, WorkerReport)
    assert isinstance(ending, TaskEnding)
    assert (report.reason, report.metadata, ending.reason) == ("***?", {"command": "x ***"}, "***")


async def test_metadata_is_masked(masks: TaskMasks, journal: WatchedJournal) -> None:
    """Values, those of labels within too."""
    item = batch(0)
    item.entries.append(
        LogEntry("t", "w", 0, AT, "INFO", "stdout", "x", {"url": f"//{SECRET}@h"}, {"labels": {"key": SECRET}})
    )
    outcomes = Outcomes()
    masks.submit(item, outcomes)
    await until(lambda: len(outcomes) == 1, "it is stored")
    (entry,) = await journal.entries("t")
    assert (entry.metadata, entry.pod_metadata) == ({"url": "//***@h"}, {"labels": {"key": "***"}})


@pytest.mark.parametrize(
    "values", [[f"secret-{number}" for number in range(1001)], ["x" * 16_000 + str(n) for n in range(20)]]
)
async def test_a_task_has_a_bounded_number_of_secrets(journal: WatchedJournal, values: Sequence[str]) -> None:
    """More are refused, and those that were there stay."""
    masks = TaskMasks(journal)
    assert await masks.mask("t", [SECRET, "short"]) == [(1, "it has fewer than 6 characters")]
    with pytest.raises(ApiError, match="at most 1,000 masks"):
        await masks.mask("t", list(values))
    assert list(masks.known.tasks["t"].secrets) == [SECRET]
    assert SECRET not in repr(masks) + repr(masks.known.tasks["t"])


async def test_secrets_are_forgotten_some_time_after_their_task_has_ended(
    masks: TaskMasks, journal: WatchedJournal
) -> None:
    """Lines may come behind the end, on another connection."""
    journal.inner.set_commit_listener(masks.committed)
    outcomes = Outcomes()
    masks.submit(batch(1, "x"), outcomes)
    masks.submit(TaskEnding("t", False, AT), outcomes)
    await until(lambda: len(outcomes) == 2, "it has ended")
    masks.known.sweep(time.monotonic() + 590)
    assert "t" in masks.known.tasks
    masks.known.sweep(time.monotonic() + 660)
    assert "t" not in masks.known.tasks


async def test_a_large_batch_is_read_in_slices(masks: TaskMasks, journal: WatchedJournal) -> None:
    """Hostile: 64 long lines full of secrets. Others have their turns, and the order stays."""
    outcomes = Outcomes()
    masks.submit(batch(1, *[f"{SECRET} " * 1_000] * 64), outcomes)
    masks.submit(batch(2, "behind it"), outcomes)
    masks.submit(TaskEnding("t", False, AT), outcomes)
    turns = 0
    while not journal.appended:
        turns += 1
        await asyncio.sleep(0)
    await until(lambda: len(outcomes) == 3, "all are stored")
    assert turns >= 31  # of two lines each
    lines = await stored(journal)
    assert lines == [*["*** " * 1_000] * 64, "behind it"]
    assert isinstance(journal.appended[-1], TaskEnding)


async def test_what_cannot_be_masked_is_refused_alone(masks: TaskMasks, journal: WatchedJournal) -> None:
    """It is not stored as it is, its sender hears of it, and what came behind it continues."""
    outcomes = Outcomes()
    broken = batch(0, "x")
    broken.entries[0].metadata = {"key": 7}  # type: ignore[dict-item]
    broken.entries[0].source = []  # type: ignore[assignment]
    masks.submit(broken, outcomes)
    masks.submit(batch(0, SECRET), outcomes)
    await until(lambda: len(outcomes) == 2, "both are settled")
    assert await stored(journal) == ["***"]
    assert [isinstance(each, StorageError) for each in outcomes].count(True) == 1
