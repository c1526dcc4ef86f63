"""What lists of tasks and searches may expect of a stored journal, whatever stores it."""

import random
from typing import Protocol

from filters.matching import Matcher
from filters.model import LogFilter
from storage.journal.history import HistoryReads
from storage.journal.interface import Journal, TaskEnding
from tests.support.journal_items import AT, batch

__all__ = ["FIRST", "TaskListContract", "names"]

FIRST = 1 << 62


class StoredJournal(Journal, HistoryReads, Protocol):
    """A journal with a history."""


async def names(journal: HistoryReads, snapshot: int, *, count_max: int = 3, status: str = "") -> list[str]:
    """All pages of a ranking."""
    seen: list[str] = []
    below = FIRST
    while page := await journal.newest_tasks(below, snapshot, status=status, count_max=count_max):
        seen += [task.task_id for task in page]
        below = page[-1].record
    return seen


class TaskListContract:
    """Tests for a fixture ``journal``."""

    async def test_a_ranking_is_of_one_moment(self, journal: StoredJournal) -> None:
        """Against a list: lines and ends that come while it is read move no task from one page to another."""
        chance = random.Random(1)
        order: list[str] = []
        for _ in range(40):
            task = f"t{chance.randrange(12)}"
            await journal.append(batch("x", task=task))
            order = [task, *(each for each in order if each != task)]
        snapshot = journal.newest_record
        for task in ("t1", "t2", "t3"):
            await journal.append(batch("y", "z", task=task))
        await journal.append(batch("new", task="new"))
        await journal.append(TaskEnding("t4", failed=True, timestamp=AT))
        assert await names(journal, snapshot) == order
        assert await names(journal, snapshot, status="FAILED") == ["t4"]
        assert sorted(await names(journal, snapshot, status="RUNNING")) == sorted(set(order) - {"t4"})
        assert (await names(journal, journal.newest_record))[:4] == ["new", "t3", "t2", "t1"]

    async def test_a_task_without_lines_is_in_no_list(self, journal: StoredJournal) -> None:
        """Neither one that only ended nor one whose lines retention took; a line that comes later brings it back."""
        for task in "abc":
            await journal.append(batch("1", task=task))
        await journal.append(TaskEnding("empty", failed=False, timestamp=AT))
        while not (await journal.remove_through("b", 1, copied=FIRST)).is_done:
            pass
        assert await names(journal, journal.newest_record) == ["c", "a"]
        assert (await journal.count_tasks(count_max=9), await journal.count_tasks(count_max=1)) == (2, 1)
        await journal.append(batch("2", task="b"))
        assert await names(journal, journal.newest_record) == ["b", "c", "a"]

    async def test_tasks_without_a_match_are_passed_in_one_step(self, journal: StoredJournal) -> None:
        """Up to the first that has one, wherever it is in it."""
        for number in range(20):
            await journal.append(batch("needle" if number == 5 else "hay", "hay", task=f"t{number}"))
        tasks = await journal.newest_tasks(FIRST, FIRST - 1, count_max=100)
        assert await journal.without_match(tasks, Matcher(LogFilter(keywords=("needle",)))) == 14
        assert await journal.without_match(tasks, Matcher(LogFilter(keywords=("none",)))) == 20
        assert await journal.without_match(tasks, Matcher()) == 0
