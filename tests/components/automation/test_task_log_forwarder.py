from pathlib import Path
from typing import Any

from components.automation.scheduler import utc_now
from components.automation.tables import AutomationDatabase, QueueRepository, SchedulerLock, TaskRepository
from components.automation.task_log_forwarder import TaskLogForwarder


class Lines:
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


async def test_rows_are_delivered_in_order_and_not_again(tmp_path: Path) -> None:
    """Each row becomes one line with its number, its transition a stage's, and another courier goes on behind it."""
    database = AutomationDatabase(tmp_path / "otto.db")
    database.prepare()
    TaskRepository(database, utc_now).create("t", "shortform")
    lock = SchedulerLock(database, utc_now)
    lock.take()
    item = QueueRepository(lock).dequeue("schedule")
    assert item is not None
    QueueRepository(lock).complete(item, {})
    lines = Lines()
    assert await TaskLogForwarder(database, lines).deliver() == 2
    assert await TaskLogForwarder(database, lines).deliver() == 0
    assert [metadata["task_log_id"] for _, metadata in lines.lines] == [1, 2]
    assert lines.lines[0][1]["queue_id"] == item.id
    assert lines.stages == [("schedule", "RUNNING", 0), ("schedule", "COMPLETED", 100)]


async def test_a_stop_fails_the_stages_that_it_ended(tmp_path: Path) -> None:
    """And the task ends."""
    database = AutomationDatabase(tmp_path / "otto.db")
    database.prepare()
    tasks = TaskRepository(database, utc_now)
    task_id = tasks.create("t", "shortform")
    lock = SchedulerLock(database, utc_now)
    lock.take()
    assert QueueRepository(lock).dequeue("schedule") is not None
    tasks.stop(task_id)
    lines = Lines()
    assert await TaskLogForwarder(database, lines).deliver() == 2
    assert lines.stages == [("schedule", "RUNNING", 0), ("schedule", "FAILED", 0)]
    assert lines.ends == [True]
