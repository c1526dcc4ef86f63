"""Which tasks stream."""

import httpx2

from filters.block import Block
from gateway.app import Gateway
from gateway.recent_tasks import RecentTasks
from storage.journal import Committed, TaskEnded
from tests.support.worker import publish


def lines(task: str, count: int = 1) -> Block:
    return Block(task, 1, [b"{}"] * count)


def test_the_latest_task_is_first_and_the_list_is_bounded() -> None:
    """A task comes to the front with each line; the one that was quiet longest falls out."""
    tasks = RecentTasks(tasks_max=2)
    for name in ("a", "b", "a", "c"):
        tasks.committed(Committed(blocks=[lines(name)]))
    assert [task.task_id for task in tasks.latest()] == ["c", "a"]


def test_an_end_shows_and_a_new_line_opens_again() -> None:
    """The status is that of the task now."""
    tasks = RecentTasks()
    tasks.committed(Committed(blocks=[lines("a", 3)], ended=[TaskEnded("a", 3, "FAILED", "")]))
    assert (tasks.latest()[0].status, tasks.latest()[0].last_sequence) == ("FAILED", 3)
    tasks.committed(Committed(blocks=[Block("a", 4, [b"{}"])], opened=["a"]))
    assert (tasks.latest()[0].status, tasks.latest()[0].last_sequence) == ("RUNNING", 4)


async def test_the_page_can_ask_for_them(gateway: Gateway, http: httpx2.AsyncClient) -> None:
    """A task is listed once its first line is stored."""
    await publish(f"127.0.0.1:{gateway.ports[-1]}", "t", ["one", "two"])
    answer = (await http.get("/api/v1/log-streaming/recent-tasks")).json()
    assert [(task["taskId"], task["lastSequence"]) for task in answer["tasks"]] == [("t", 2)]
