"""…/comparison, and the comparison within a summary."""

from storage.journal.interface import WorkerReport
from tests.support.history_server import BASE, History

AT = "2026-01-01T00:00:{:02}.000000000Z"


async def write_run(
    history: History, task: str, *lines: tuple[str, str], second: int, status: str = "COMPLETED", **labels: str
) -> None:
    """A run of some lines with their levels, which ends at a second."""
    for message, level in lines:
        await history.write(message, level=level, task=task)
    said = {"startedAt": AT.format(second - 1), "endedAt": AT.format(second)}
    said |= {f"label.{name}": value for name, value in labels.items()}
    await history.journal.append(WorkerReport(task, "w1", status, AT.format(second), "", said))


STEPS = (("fetching 12 files", "INFO"), ("ERROR cannot reach cache 3", "ERROR"), ("compiling", "INFO"))


async def write_runs(history: History) -> None:
    await write_run(history, "build-1", *STEPS, ("uploaded 3 MB", "INFO"), second=10, branch="main", build="1")
    await write_run(history, "build-2", *STEPS, ("uploaded 4 MB", "INFO"), second=20, branch="main", build="2")
    await write_run(history, "build-3", *STEPS, second=25, status="FAILED")
    failing = (*STEPS, ("ERROR disk is full", "ERROR"))
    await write_run(history, "build-4", *failing, second=30, status="FAILED", branch="fix", build="4")
    await write_run(history, "build-5", *STEPS, second=40, branch="main")
    await write_run(history, "deploy-1", *STEPS, second=28)


async def test_a_run_is_compared_with_the_last_good_one_before_it(history: History) -> None:
    """Of the same name: neither with one that failed, nor a later one, nor one of another name."""
    await write_runs(history)
    compared = (await history.get("/logs/build-4/comparison"))["comparison"]

    assert (compared["taskId"], compared["endedAt"], compared["durationSeconds"]) == ("build-2", AT.format(20), 1.0)
    assert [(kind["sequence"], kind["message"]) for kind in compared["appeared"]] == [(4, "ERROR disk is full")]
    assert [(kind["sequence"], kind["message"]) for kind in compared["disappeared"]] == [(4, "uploaded 4 MB")]
    assert compared["labels"] == [{"name": "branch", "before": "main", "now": "fix"}]
    assert compared["isComplete"]


async def test_an_error_that_good_runs_have_is_not_the_cause(history: History) -> None:
    """The summary names the error that is new, and what is different."""
    await write_runs(history)
    summary = await history.get("/logs/build-4/summary")
    text = (await history.http.get(f"{BASE}/logs/build-4/summary", params={"format": "markdown"})).text

    assert summary["firstError"]["message"] == "ERROR cannot reach cache 3"
    assert (summary["cause"]["rule"], summary["cause"]["headline"]) == ("new error", "ERROR disk is full")
    assert summary["comparison"]["appearedCount"] == 1
    assert "## What is different from build-2" in text
    assert "- branch: main → fix\n```diff\n+ 4 ERROR ERROR disk is full\n```" in text


async def test_any_two_tasks_can_be_compared(history: History) -> None:
    """As far as the token goes; a task without a good run has no comparison."""
    await write_runs(history)
    other = await history.get("/logs/build-5/comparison", **{"with": "deploy-1"})
    assert (other["comparison"]["taskId"], other["comparison"]["appearedCount"]) == ("deploy-1", 0)
    assert (await history.get("/logs/deploy-1/comparison")) == {"taskId": "deploy-1", "comparison": None}
    history.everyone.only = "build-4"
    assert (await history.get("/logs/build-4/comparison"))["comparison"] is None
    answer = await history.http.get(f"{BASE}/logs/build-4/comparison", params={"with": "build-2"})
    assert answer.status_code == 403


async def test_a_run_that_fails_without_an_error_shows_how_it_ended(history: History) -> None:
    """The signal that ended it, a warning that the good run does not have, or else the last lines."""
    await write_run(history, "a-1", ("one", "INFO"), second=1)
    await write_run(history, "a-2", ("one", "INFO"), ("low on memory", "WARN"), second=2, status="FAILED")
    await write_run(history, "b-1", ("one", "INFO"), ("two", "INFO"), second=3, status="FAILED")
    await history.write("one", task="c-1")
    await history.journal.append(WorkerReport("c-1", "w1", "FAILED", AT.format(4), "killed by SIGSEGV"))
    causes = [(await history.get(f"/logs/{task}/summary"))["cause"] for task in ("a-2", "b-1", "c-1")]
    assert [(cause["rule"], cause["headline"]) for cause in causes] == [
        ("new warning", "low on memory"),
        ("last lines", "two"),
        ("signal", "killed by SIGSEGV"),
    ]
