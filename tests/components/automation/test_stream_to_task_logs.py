"""Lines of other producers for tasks of the queue."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.automation.journal_destination import JournalDestination
from components.automation.scheduler import utc_now
from components.automation.stream_to_task_logs import ReceivedLines
from components.automation.tables import AutomationDatabase, QueueRepository, SchedulerLock, TaskRepository
from components.automation.task_log_forwarder import TaskLogForwarder
from filters.entry import LogEntry
from storage.journal.interface import LineBatch
from tests.support.memory_journal import MemoryJournal


class Bench:
    def __init__(self, path: Path) -> None:
        self.database = AutomationDatabase(path / "otto.db")
        self.database.prepare()
        self.tasks = TaskRepository(self.database, utc_now)
        self.journal = MemoryJournal()
        self.received = ReceivedLines(self.database, self.journal)
        self.forwarder = TaskLogForwarder(self.database, JournalDestination(self.journal))

    async def send(self, task_id: str, message: str, level: str = "INFO", **metadata: str) -> None:
        entry = LogEntry(task_id, "w1", 0, "2027-01-31T03:00:00.900000000Z", level, "stdout", message, metadata)
        await self.journal.append(LineBatch(task_id, "w1", [entry], 100, 0.0))

    async def copy(self) -> None:
        while await self.received.copy():
            pass

    def rows(self, task_id: str) -> list[dict[str, Any]]:
        return list(reversed(self.tasks.logs(task_id)))


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    await made.copy()  # from here on
    return made


async def test_a_line_of_another_producer_is_a_row_of_its_task(bench: Bench) -> None:
    """With the columns that its metadata says, the true level of DEBUG, and its time; other tasks' lines are not."""
    task_id = bench.tasks.create("a", "shortform")
    lock = SchedulerLock(bench.database, utc_now)
    lock.take()
    item = QueueRepository(lock).dequeue("schedule")
    assert item is not None
    said = {"queue_type": "script", "queue_id": str(item.id), "action_type": "start", "pid": "7", "process_name": "p"}
    await bench.send("another", "no")
    await bench.send(task_id, "hello", "DEBUG", **said, color="red")
    await bench.copy()
    row = bench.rows(task_id)[-1]
    assert (row["message"], row["level"], row["queue_id"], row["pid"]) == ("hello", "info", item.id, 7)
    assert (row["queue_type"], row["action_type"], row["process_name"]) == ("script", "start", "p")
    assert json.loads(row["metadata"]) == {
        "level": "DEBUG",
        "color": "red",
        "worker_id": "w1",
        "source": "stdout",
        "stream_position": "00c0ffee-1",
    }
    assert row["created_at"] == datetime(2027, 1, 31, 3, tzinfo=UTC).replace(tzinfo=None)
    with bench.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM task_logs WHERE task_id = 'another'").scalar() == 0


async def test_metadata_that_the_table_cannot_hold_stays_metadata(bench: Bench) -> None:
    """An unknown stage, an item of nobody, a pid that is no number: the line is stored nevertheless."""
    task_id = bench.tasks.create("a", "shortform")
    await bench.send(task_id, "x", queue_type="film", queue_id="99", action_type="dance", pid="²", task_log_id="9" * 30)
    await bench.copy()
    row = bench.rows(task_id)[-1]
    assert [row[name] for name in ("message", "queue_type", "queue_id", "action_type", "pid")] == ["x"] + [None] * 4
    assert json.loads(row["metadata"])["queue_type"] == "film"


async def test_neither_way_goes_round_in_circles(bench: Bench) -> None:
    """What came from the stream is not sent there again, and the queue's own lines are not stored again."""
    task_id = bench.tasks.create("a", "shortform")
    bench.tasks.stop(task_id)  # a row of the queue's own
    await bench.send(task_id, "from outside")
    for _ in range(3):
        await bench.copy()
        while await bench.forwarder.deliver():
            pass
    own, received = bench.rows(task_id)
    assert (own["action_type"], received["message"]) == ("stop", "from outside")
    lines = [line for record in await bench.journal.records(0, bytes_max=1 << 20) for line in record.lines]
    assert len(lines) == 2


async def test_another_process_goes_on_where_the_last_one_ended(bench: Bench) -> None:
    """Lines that came while no queue ran become rows at the next start, each once."""
    task_id = bench.tasks.create("a", "shortform")
    await bench.send(task_id, "one")
    await bench.copy()
    await bench.send(task_id, "two")
    bench.received = ReceivedLines(bench.database, bench.journal)
    await bench.copy()
    assert [row["message"] for row in bench.rows(task_id)] == ["one", "two"]
