"""GET /api/v1/log-streaming/tasks."""

from storage.journal.interface import WorkerRegistered
from tests.support.history_server import BASE, History
from tests.support.journal_items import AT, report


async def names(history: History, **params: object) -> list[str]:
    return [task["taskId"] for task in (await history.get("/tasks", **params))["tasks"]]


async def test_a_task_is_told_with_all_that_is_known(history: History) -> None:
    """Its lines by level, its workers, its size and its end; and again after more lines have come."""
    await history.write("a", "b", level="INFO")
    await history.write("c", level="ERROR", worker="w2")
    await history.get("/tasks")
    await history.write("d", level="ERROR", worker="w2")
    for worker in ("w1", "w2"):
        await history.journal.append(report("COMPLETED", worker))
    (task,) = (await history.get("/tasks"))["tasks"]
    size = task.pop("bytes")
    assert 0 < size < 4000
    assert task == {
        "taskId": "build",
        "status": "COMPLETED",
        "firstSequence": 1,
        "lastSequence": 4,
        "lines": 4,
        "firstTimestamp": AT,
        "lastTimestamp": AT,
        "levels": {"INFO": 2, "ERROR": 2},
        "workers": ["w1", "w2"],
        "workerCount": 2,
        "labels": {},
        "isPinned": False,
    }


async def test_tasks_are_filtered_by_their_labels(history: History) -> None:
    """By all that are given; of Otto's workers the pod's description counts. What is no label is refused."""
    for task, metadata in (
        ("shop-1", {"label.repo": "shop", "label.branch": "main"}),
        ("shop-2", {"label.repo": "shop", "label.branch": "fix"}),
        ("pod", {"labels": {"repo": "shop"}, "namespace": "ci"}),
    ):
        await history.journal.append(WorkerRegistered(task, "w1", metadata))
        await history.write("x", task=task)
    await history.write("x", task="other")
    assert await names(history, label="repo=shop") == ["pod", "shop-2", "shop-1"]
    assert await names(history, label=["repo=shop", "branch=main"]) == ["shop-1"]
    assert await names(history, label="namespace=ci") == ["pod"]
    page = await history.get("/tasks", label="repo=shop", limit=1)
    assert (page["total"], page["tasks"][0]["labels"]) == (3, {"repo": "shop", "namespace": "ci"})
    answer = await history.http.get(f"{BASE}/tasks", params={"label": "repo"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "label")


async def test_a_failed_task_has_its_cause_in_the_list(history: History) -> None:
    """In one line; a task that goes well has none, and one that is read for the list is not read again."""
    await history.write("fine", task="good")
    await history.write("a.c:1:2: error: no", level="ERROR", task="bad")
    await history.journal.append(report("FAILED", task="bad", reason="exit code 1"))
    causes = {task["taskId"]: task.get("cause") for task in (await history.get("/tasks"))["tasks"]}
    assert causes == {"bad": "a.c:1:2: error: no", "good": None}


async def test_the_newest_activity_comes_first(history: History) -> None:
    """In pages, which lines that come meanwhile do not change; parts of ids and statuses choose."""
    for number in range(25):
        await history.write("x", task=f"Build-{number}")
    await history.write("y", task="Build-3")
    expected = ["Build-3", *(f"Build-{n}" for n in range(24, -1, -1) if n != 3)]
    page = await history.get("/tasks", limit=10)
    seen = [task["taskId"] for task in page["tasks"]]
    assert page["total"] == 25
    await history.write("z", task="Build-0")
    while page["next"]:
        page = await history.get("/tasks", limit=10, cursor=page["next"])
        seen += [task["taskId"] for task in page["tasks"]]
    assert seen == expected
    assert (await names(history, limit=2)) == ["Build-0", "Build-3"]
    assert (await names(history, search="build-2", limit=3)) == ["Build-24", "Build-23", "Build-22"]
    assert (await names(history, status="FAILED")) == []


async def test_only_tasks_that_the_token_covers_are_there(history: History) -> None:
    """They are not counted either."""
    await history.write("x", task="ours")
    await history.write("x", task="theirs")
    history.everyone.only = "ours"
    page = await history.get("/tasks")
    assert ([task["taskId"] for task in page["tasks"]], page["total"]) == (["ours"], 1)


async def test_a_cursor_of_another_life_is_refused(history: History) -> None:
    """With what to do; and so is what is no cursor."""
    for cursor, text in (("00c0ffee-1-2", "another life"), ("x", "next")):
        answer = await history.http.get(f"{BASE}/tasks", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "cursor")
        assert text in answer.json()["error"]["message"]
