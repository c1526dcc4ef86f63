"""The end of the automation queue of a process."""

import asyncio
from pathlib import Path

import pytest

from components.automation.queue import AutomationQueue
from components.automation.tables import AutomationDatabase
from components.automation.task_log_forwarder import TaskLogForwarder
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import messages


async def test_the_last_lines_are_sent_before_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were not forwarded while it ran."""

    async def idle(_: TaskLogForwarder) -> None:
        await asyncio.Event().wait()

    journal = await SqliteJournal.open(tmp_path / "otto.db", durability="process")
    queue = AutomationQueue(AutomationDatabase(tmp_path / "otto.db"), journal, {}, tmp_path / "tasks")
    monkeypatch.setattr(TaskLogForwarder, "run", idle)
    await queue.start()
    task_id = await queue.create("a", "shortform", due_at=None)
    await queue.stop(task_id)
    rows = await queue.logs(task_id)
    await queue.close()
    await queue.close()
    assert await messages(journal, task_id) == [row["message"] for row in reversed(rows)]
    assert rows[0]["action_type"] == "stop"
    await journal.close()
