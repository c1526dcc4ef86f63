"""Telling the journal that a task's streams have closed."""

import asyncio

import pytest

from gateway.ingest import open_tasks as tasks
from gateway.ingest.open_tasks import OpenTasks, StreamTasks
from storage.journal.interface import StreamClosed
from tests.support.watched_journal import WatchedJournal


async def test_only_the_last_stream_of_a_task_closes_it(journal: WatchedJournal) -> None:
    """A task with two streams is closed with the second."""
    open_tasks = OpenTasks(journal)
    first, second = StreamTasks(open_tasks, 10), StreamTasks(open_tasks, 10)
    first.add("t")
    first.add("t")
    second.add("t")
    first.close()
    assert journal.appended == []
    second.close()
    second.close()
    assert journal.appended == [StreamClosed("t")]


async def test_a_stream_that_will_come_back_closes_nothing(journal: WatchedJournal) -> None:
    """Where the producer is expected again, the journal is not told."""
    stream_tasks = StreamTasks(OpenTasks(journal), 10)
    stream_tasks.add("t")
    stream_tasks.close(tell=False)
    assert journal.appended == []


async def test_what_the_journal_could_not_take_is_said_again(
    journal: WatchedJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task whose closing failed is closed once the journal can store again."""
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0.01)
    open_tasks = OpenTasks(journal)
    stream_tasks = StreamTasks(open_tasks, 10)
    stream_tasks.add("t")
    journal.failure = "the disk is full"
    stream_tasks.close()
    await journal.until(lambda: len(journal.appended) == 3)
    journal.failure = ""
    await journal.until(lambda: len(journal.appended) == 4)
    assert set(journal.appended) == {StreamClosed("t")}
    await asyncio.sleep(0)
    open_tasks.stop()
    assert "0 waiting" in repr(open_tasks)


async def test_a_task_that_is_open_again_is_not_closed_late(
    journal: WatchedJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closing that waits is forgotten when a new stream writes the task."""
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0.01)
    open_tasks = OpenTasks(journal)
    stream_tasks = StreamTasks(open_tasks, 10)
    stream_tasks.add("t")
    journal.failure = "the disk is full"
    stream_tasks.close()
    again = StreamTasks(open_tasks, 10)
    again.add("t")
    other = StreamTasks(open_tasks, 10)
    other.add("u")
    other.close()
    await journal.until(lambda: journal.appended.count(StreamClosed("u")) == 3)
    assert journal.appended.count(StreamClosed("t")) == 1
    open_tasks.stop()
