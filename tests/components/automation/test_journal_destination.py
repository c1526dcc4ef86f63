import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from components.automation.journal_destination import PRODUCER_ID, JournalDestination
from components.automation.scheduler import utc_now
from components.automation.tables import AutomationDatabase, QueueRepository, SchedulerLock, TaskLine, TaskRepository
from components.automation.tables.schema import courier_progress
from components.automation.task_log_forwarder import TaskLogForwarder
from filters.matching import Matcher
from storage.journal.interface import ProducerNumber, TaskEnding
from storage.journal.sqlite import SqliteJournal

STOP = "🛑 사용자에 의해 작업이 중지되었습니다"


class Story:
    """A task that was created, begun and stopped: three rows, one transition each, one end."""

    def __init__(self, path: Path) -> None:
        self.database = AutomationDatabase(path)
        self.database.prepare()
        self.tasks = TaskRepository(self.database, utc_now)
        lock = SchedulerLock(self.database, utc_now)
        lock.take()
        self.queue = QueueRepository(lock)
        self.task_id = self.tasks.create("t", "shortform")
        item = self.queue.dequeue("schedule")
        assert item is not None
        self.item = item
        odd = {"progress": float("nan")}
        self.queue.write([TaskLine(self.task_id, "NaN", queue_id=item.id, action_type="progress", metadata=odd)])
        self.tasks.stop(self.task_id)

    def forget(self) -> None:
        with self.database.transaction() as connection:
            connection.execute(delete(courier_progress))

    def forwarder(self, journal: SqliteJournal) -> TaskLogForwarder:
        """As a new process has one."""
        return TaskLogForwarder(self.database, JournalDestination(journal))


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    opened = await SqliteJournal.open(tmp_path / "otto.db", durability="process")
    yield opened
    await opened.close()


@pytest.fixture
def story(journal: SqliteJournal, tmp_path: Path) -> Story:
    return Story(tmp_path / "otto.db")


async def messages(journal: SqliteJournal, task_id: str) -> list[str]:
    found = await journal.read(task_id, 0, 1000, Matcher(), lines_max=1000, bytes_max=1 << 20)
    return [json.loads(line)["message"] for line in found.lines]


async def test_each_row_is_stored_once_over_crashes(journal: SqliteJournal, story: Story) -> None:
    """If the database's note was lost, the journal's last number says how far it was."""
    for _ in range(2):
        await story.forwarder(journal).deliver()
        story.forget()
    assert await messages(journal, story.task_id) == ["schedule 시작", "NaN", STOP]
    state = await journal.task_state(story.task_id)
    assert state.ended is not None
    assert (state.last, state.ended.status) == (3, "FAILED")
    stages = [json.loads(stage.document) for stage in await journal.stages(story.task_id)]
    assert [(stage["stageId"], stage["status"]) for stage in stages] == [("schedule", "STAGE_FAILED")]


async def test_the_rest_of_a_row_is_stored_after_a_crash_within_it(journal: SqliteJournal, story: Story) -> None:
    """If only the line was stored, the state of its stage follows, and the line is not stored again."""
    number = ProducerNumber(PRODUCER_ID, 8, 0)
    await journal.append(TaskEnding("other", False, "2027-01-01T00:00:00.000000000Z", producer=number))
    await story.forwarder(journal).deliver()
    assert await messages(journal, story.task_id) == ["NaN", STOP]
    assert len(await journal.stages(story.task_id)) == 1


async def test_rows_are_not_stored_again_when_the_journal_forgot_their_numbers(
    journal: SqliteJournal, story: Story
) -> None:
    """The database's own note says how far it was."""
    await story.forwarder(journal).deliver()
    while await journal.forget_producers(1e12):
        pass
    assert await story.forwarder(journal).deliver() == 0
    assert story.tasks.retry(story.task_id) is not None
    assert await story.forwarder(journal).deliver() == 1
    assert (await journal.task_state(story.task_id)).last == 4
