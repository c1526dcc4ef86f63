from pathlib import Path
from typing import Any

from components.automation.producer_destination import ProducerDestination
from components.automation.scheduler import utc_now
from components.automation.tables import AutomationDatabase, QueueRepository, SchedulerLock, TaskRepository
from components.automation.task_log_forwarder import TaskLogForwarder


class Producer:
    def __init__(self) -> None:
        self.lines: list[tuple[str, Any]] = []
        self.stages: list[tuple[str, str, int]] = []
        self.ends: list[bool] = []

    async def log(self, task_id: str, worker_id: str, message: str, **fields: Any) -> None:
        self.lines.append((message, fields["metadata"]))

    async def report_stage(self, pipeline_id: str, stage_id: str, status: str, **fields: Any) -> None:
        self.stages.append((stage_id, status, fields["percentage"]))

    async def end_task(self, task_id: str, *, failed: bool = False, reason: str = "") -> None:
        self.ends.append(failed)

    async def flush(self, timeout_seconds: float | None = None) -> None:
        pass


async def test_rows_are_sent_in_order_and_not_again(tmp_path: Path) -> None:
    """Each row is one line with its number and the state of its stage; another forwarder resumes after it."""
    database = AutomationDatabase(tmp_path / "otto.db")
    database.prepare()
    TaskRepository(database, utc_now).create("t", "shortform")
    lock = SchedulerLock(database, utc_now)
    lock.take()
    item = QueueRepository(lock).dequeue("schedule")
    assert item is not None
    QueueRepository(lock).complete(item, {})
    producer = Producer()
    assert await TaskLogForwarder(database, ProducerDestination(producer)).deliver() == 2
    assert await TaskLogForwarder(database, ProducerDestination(producer)).deliver() == 0
    assert [metadata["task_log_id"] for _, metadata in producer.lines] == ["1", "2"]
    assert producer.lines[0][1]["queue_id"] == str(item.id)
    assert producer.stages == [("schedule", "RUNNING", 0), ("schedule", "COMPLETED", 100)]


async def test_a_stop_fails_the_stages_that_it_ended(tmp_path: Path) -> None:
    """And the task ends, again after each row that comes later."""
    database = AutomationDatabase(tmp_path / "otto.db")
    database.prepare()
    tasks = TaskRepository(database, utc_now)
    task_id = tasks.create("t", "shortform")
    lock = SchedulerLock(database, utc_now)
    lock.take()
    assert QueueRepository(lock).dequeue("schedule") is not None
    tasks.stop(task_id)
    producer = Producer()
    forwarder = TaskLogForwarder(database, ProducerDestination(producer))
    assert await forwarder.deliver() == 2
    assert producer.stages == [("schedule", "RUNNING", 0), ("schedule", "FAILED", 0)]
    assert producer.ends == [True]
    with database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO task_logs (task_id, message) VALUES (?, 'last words')", (task_id,))
    assert await forwarder.deliver() == 1
    assert producer.ends == [True, True]
