"""The tools."""

from typing import Any

import msgspec
import pytest

from gateway.history.stored_logs import StoredLogs
from storage.journal.interface import WorkerReport
from tests.components.mcp.conftest import Agent
from tests.support.journal_items import AT

pytestmark = pytest.mark.xdist_group("mcp")  # one process imports the protocol's package


async def end(agent: Agent, task: str, status: str, **labels: str) -> None:
    metadata = {f"label.{name}": value for name, value in labels.items()}
    await agent.journal.append(WorkerReport(task, "w1", status, AT, "", metadata))


async def test_tasks_are_listed_with_labels_and_causes(agent: Agent) -> None:
    """The newest first, by status and label; all of them by cursors, however little fits into an answer."""
    for number in range(30):
        await agent.write(f"build-{number}", "a.c:1:2: error: no", level="ERROR")
        await end(agent, f"build-{number}", "FAILED" if number % 2 else "COMPLETED", repo="shop")
    rows = await agent.pages("list_tasks", characters=600, status="failed", labels=["repo=shop"])
    assert [row.split(" · ")[0] for row in rows] == [f"build-{number}" for number in range(29, 0, -2)]
    assert rows[0].split(" · ")[1:4] == ["FAILED", "1 lines", "1 errors"]
    assert rows[0].endswith("repo=shop · cause: a.c:1:2: error: no")
    assert await agent.call("list_tasks", search="nobody") == "no task matches"


async def test_a_cause_that_is_found_while_tasks_are_listed_costs_no_task(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that have grown since they were counted are counted again; the cursor is that of the last one shown."""
    for number in range(20):
        await agent.write(f"build-{number}", "a")
    tasks, limits = StoredLogs.tasks, list[int]()

    async def growing(logs: StoredLogs, principal: Any, query: Any) -> Any:
        page = await tasks(logs, principal, query)
        limit = int(dict(query)["limit"])
        is_again = bool(limits) and limit < limits[-1]
        limits.append(limit)
        cause = "x" * 60 if is_again else msgspec.UNSET
        return msgspec.structs.replace(page, tasks=[msgspec.structs.replace(each, cause=cause) for each in page.tasks])

    monkeypatch.setattr(StoredLogs, "tasks", growing)
    rows = await agent.pages("list_tasks", characters=600)
    assert [row.split(" · ")[0] for row in rows] == [f"build-{number}" for number in reversed(range(20))]


async def test_lines_are_read_in_order_and_exactly_once(agent: Agent) -> None:
    """From a sequence, by a filter, and by cursors, whatever the bound; a running task's cursor waits for more."""
    await agent.write("t", *(f"line {number} \x1b[31mred\x1b[0m" for number in range(1, 101)))
    await end(agent, "t", "COMPLETED")
    rows = await agent.pages("read_lines", task_id="t", characters=700, from_sequence=11)
    assert rows == [f"{number} INFO w1 line {number} red" for number in range(11, 101)]
    assert await agent.pages("read_lines", task_id="t", keywords=["line 42 "]) == ["42 INFO w1 line 42 red"]
    found = await agent.pages("tail_lines", task_id="t", filter="/line 4\\d / -42 -43 -44 -45 -46 -47 -48 -41 -40")
    assert found == ["49 INFO w1 line 49 red"]
    await agent.write("open", "one")
    assert (await agent.call("read_lines", task_id="open")).splitlines()[1].startswith("[more: cursor ")


async def test_the_end_is_read_backwards(agent: Agent) -> None:
    """Each answer is in ascending order and ends in front of the one before."""
    await agent.write("t", *(f"line {number}" for number in range(1, 101)))
    first = (await agent.call("tail_lines", task_id="t", characters=700, limit=1000)).splitlines()
    assert first[-2] == "100 INFO w1 line 100"
    cursor = first[-1].removeprefix("[more: cursor ").removesuffix("]")
    second = (await agent.call("tail_lines", task_id="t", characters=700, limit=1000, cursor=cursor)).splitlines()
    assert int(second[-2].split()[0]) + 1 == int(first[0].split()[0])


async def test_a_search_finds_each_match_once(agent: Agent) -> None:
    """In all tasks, with the lines around them, by cursors."""
    for task in ("a", "b"):
        await agent.write(task, *("hay", "needle", "hay", "hay") * 5)
    rows = await agent.pages("search_logs", text="NEEDLE", characters=500)
    assert rows == [f"{task} {number}:INFO w1 needle" for task in "ba" for number in range(18, 0, -4)]
    around = await agent.call("search_logs", text="needle", context=1, limit=1)
    assert around.splitlines()[:3] == ["b 17-INFO w1 hay", "b 18:INFO w1 needle", "b 19-INFO w1 hay"]
    assert await agent.call("search_logs", text="none") == "nothing in 40 lines of 2 tasks"


async def test_a_failure_is_explained_and_compared(agent: Agent) -> None:
    """The summary and the comparison are those of the HTTP interface, in Markdown."""
    await agent.write("build-1", "fetching", "uploading")
    await end(agent, "build-1", "COMPLETED")
    await agent.write("build-2", "fetching")
    await agent.write("build-2", "a.c:1:2: error: no", level="ERROR")
    await end(agent, "build-2", "FAILED")
    summary = await agent.call("task_summary", task_id="build-2", characters=1000)
    assert "## Likely cause (compiler, w1, line 2)" in summary
    compared = await agent.pages("compare_with_last_good", task_id="build-2", characters=500)
    assert "## What is different from build-1" in compared[2]
    assert [row for row in compared if row[:2] in {"+ ", "- "}] == [
        "+ 2 ERROR a.c:1:2: error: no",
        "- 2 INFO uploading",
    ]


async def test_a_line_of_any_length_fits(agent: Agent) -> None:
    """It is cut, and says by how much."""
    await agent.write("t", "x" * 20_000, "y")
    await end(agent, "t", "COMPLETED")
    rows = await agent.pages("read_lines", task_id="t", characters=500)
    assert rows[0].endswith("characters more)")
    assert rows[1].startswith("2 INFO w1 y")


async def test_a_token_reads_the_tasks_that_it_names(agent: Agent) -> None:
    """Others are neither listed, found, compared with, nor read."""
    for task in ("ours-1", "theirs-1"):
        await agent.write(task, "a needle")
        await end(agent, task, "COMPLETED")
    agent.reader.cover("ours-*")
    assert [row.split(" · ")[0] for row in await agent.pages("list_tasks")] == ["ours-1"]
    assert await agent.pages("search_logs", text="needle") == ["ours-1 1:INFO w1 a needle"]
    for tool in ("read_lines", "tail_lines", "task_summary", "compare_with_last_good"):
        assert "does not cover" in await agent.call(tool, task_id="theirs-1", is_error=True)
    other = {"task_id": "ours-1", "other_task_id": "theirs-1"}
    assert "does not cover" in await agent.call("compare_with_last_good", **other, is_error=True)
