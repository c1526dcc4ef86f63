"""The store and the journal in memory, side by side."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.matching import Matcher
from filters.model import LogFilter
from storage.errors import StorageUnavailableError
from storage.journal.interface import (
    Append,
    Journal,
    ProducerNumber,
    Receipt,
    StageProgress,
    StreamClosed,
    TaskEnding,
    WorkerRegistered,
)
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import AT, batch, messages, report
from tests.support.memory_journal import MemoryJournal
from tests.support.sqlite_connections import replace_writing

TASKS = ("build", "test")
MATCHERS = (Matcher(), Matcher(LogFilter(levels=("ERROR",))), Matcher(LogFilter(keywords=("a",))))

tasks, workers = st.sampled_from(TASKS), st.sampled_from(("w1", "w2"))
numbers = st.none() | st.builds(ProducerNumber, st.sampled_from(("p", "q")), st.integers(1, 5))


def with_number(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Append]:
    return st.builds(lambda item, producer: replace(item, producer=producer), items, numbers)


lines = st.builds(
    lambda texts, task, worker, level: batch(*texts, task=task, worker=worker, level=level),
    *(st.lists(st.sampled_from("abc"), max_size=4), tasks, workers, st.sampled_from(("INFO", "ERROR"))),
)
others = st.one_of(
    st.builds(
        lambda *args: report(args[0], args[1], task=args[2]),
        st.sampled_from(("RUNNING", "COMPLETED", "FAILED")),
        workers,
        tasks,
    ),
    st.builds(WorkerRegistered, tasks, workers, st.just({})),
    st.builds(StreamClosed, tasks),
    st.builds(TaskEnding, tasks, st.booleans(), st.just(AT)),
    st.builds(StageProgress, st.just("pipe"), st.sampled_from(("s1", "s2")), st.sampled_from((b"1", b"2"))),
)
groups = st.lists(st.lists(with_number(lines | others), min_size=1, max_size=8), max_size=8)


async def answers(journal: Journal, group: Sequence[Append]) -> list[Receipt | str]:
    """What became of each append of a group."""
    futures = [journal.append(item) for item in group]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert all(isinstance(result, (Receipt, StorageUnavailableError)) for result in results)
    return [result if isinstance(result, Receipt) else str(result) for result in results]


async def state(journal: Journal) -> dict[str, Any]:
    """Everything that can be seen of a journal, but for the times of ends and the order between tasks."""
    seen: dict[str, Any] = {}
    for task in TASKS:
        found = await journal.task_state(task)
        seen[task] = (found.first, found.last, found.ended and replace(found.ended, timestamp=""))
        seen[f"{task} lines"] = [await messages(journal, task, matcher, lines_max=3) for matcher in MATCHERS]
        seen[f"{task} tail"] = [
            await journal.tail_start(task, count, upto, matcher)
            for matcher in MATCHERS
            for count in (0, 1, 3)
            for upto in range(found.last + 1)
        ]
        records = [record for record in await journal.records(0, bytes_max=1 << 20) if record.task_id == task]
        seen[f"{task} order"] = [
            step for record in records for step in (record.lines or [record.ended and record.ended.last])
        ]
    seen["numbers"] = [await journal.last_number(producer) for producer in ("p", "q")]
    seen["stages"] = [replace(stage, producer=None) for stage in await journal.stages("pipe")]
    return seen


def copies(group: Sequence[Append]) -> list[Append]:
    """The same appends again, with entries of their own: a journal sets their sequences."""
    return [
        batch(
            *[e.message for e in item.entries],
            task=item.task_id,
            worker=item.worker_id,
            producer=item.producer,
            level=item.entries[0].level if item.entries else "INFO",
        )
        if hasattr(item, "entries")
        else item
        for item in group
    ]


class FailingConnection:
    """Does everything but commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if sql == "COMMIT":
            raise sqlite3.OperationalError("injected")
        return self._connection.execute(sql, parameters)


async def compare(path: Path, script: Sequence[Sequence[Append]], faults: Sequence[str]) -> None:
    model, journal = MemoryJournal(), await SqliteJournal.open(path, durability="process")
    try:
        for index, group in enumerate(script):
            fault = faults[index % len(faults)]
            if fault == "reopen":
                await journal.close()
                journal = await SqliteJournal.open(path, durability="process")
            elif fault == "fail":
                replace_writing(journal, FailingConnection)
                assert all("injected" in str(answer) for answer in await answers(journal, copies(group)))
            assert await answers(journal, copies(group)) == await answers(model, copies(group))
        assert await state(journal) == await state(model)
    finally:
        await journal.close()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(groups, st.lists(st.sampled_from(("none", "none", "reopen", "fail")), min_size=1, max_size=5))
def test_the_store_does_what_the_list_does(script: list[list[Append]], faults: list[str]) -> None:
    """Whatever is appended, in whatever groups, across failing transactions and restarts."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(folder) / "otto.db", script, faults))
