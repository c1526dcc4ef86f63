"""…/summary."""

from typing import Any

import pytest

from storage.journal.interface import WorkerReport
from tests.support.history_server import BASE, History

AT = "2026-01-01T00:00:{:02}.000000000Z"
RUN = {"command": "make -j4", "directory": "/src", "startedAt": AT.format(1), "label.repo": "shop"}


async def write_failed(history: History, *, errors: int = 1) -> None:
    """A run that failed: lines, errors, more lines, and the last report."""
    await history.journal.append(WorkerReport("build", "w1", "RUNNING", AT.format(1), "", RUN))
    await history.write("starting", *["CC a.o"] * 50)
    for number in range(errors):
        await history.write(f"a.c:{number + 1}:2: error: no", level="ERROR")
    await history.write("make: *** [all] Error 1", level="ERROR")
    ended = RUN | {"exitCode": "2", "endedAt": AT.format(9)}
    await history.journal.append(WorkerReport("build", "w1", "FAILED", AT.format(9), "exit code 2", ended))


async def test_a_summary_says_how_a_run_ended_and_why(history: History) -> None:
    """Exit code, command, duration and labels are those that the worker reported; the cause has its lines."""
    await write_failed(history)
    summary = await history.get("/logs/build/summary")

    assert (summary["status"], summary["reason"], summary["exitCode"]) == ("FAILED", "exit code 2", 2)
    assert (summary["command"], summary["directory"], summary["durationSeconds"]) == ("make -j4", "/src", 8.0)
    assert summary["labels"] == {"repo": "shop"}
    assert summary["firstError"] == {"sequence": 52, "workerId": "w1", "message": "a.c:1:2: error: no"}
    assert (summary["cause"]["rule"], summary["cause"]["lines"]) == ("compiler", ["a.c:1:2: error: no"])
    assert summary["annotations"] == [{"sequence": 52, "file": "a.c", "line": 1, "message": "error: no"}]


@pytest.mark.parametrize("form", ["json", "markdown"])
@pytest.mark.parametrize("characters", [500, 2000])
async def test_a_summary_has_as_many_characters_as_it_may(history: History, form: str, characters: int) -> None:
    """However many errors there are, and however long; what was left out is counted."""
    await write_failed(history, errors=300)
    await history.write("Traceback (most recent call last):", *["  x" * 1000] * 100, level="ERROR")
    answer = await history.http.get(f"{BASE}/logs/build/summary", params={"format": form, "characters": characters})

    assert len(answer.text) <= characters
    assert "300" in answer.text or form == "markdown"
    assert "build" in answer.text


async def test_markdown_is_there_by_accept(history: History) -> None:
    """A person and an agent read the same, as text."""
    await write_failed(history)
    answer = await history.http.get(f"{BASE}/logs/build/summary", headers={"Accept": "text/markdown"})

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.text.startswith("# build: FAILED (exit code 2)\n`make -j4` in `/src` · 8.0 s · 53 lines\nrepo=shop\n")
    assert "## Likely cause (compiler, w1, line 52)" in answer.text


async def test_a_summary_is_for_whom_the_task_is(history: History) -> None:
    """A token for another task has no summary of this one; a task without lines has none."""
    await write_failed(history)
    assert (await history.http.get(f"{BASE}/logs/nothing/summary")).status_code == 404
    history.everyone.only = "other"
    assert (await history.http.get(f"{BASE}/logs/build/summary")).status_code == 403


async def test_what_a_go_test_says_before_it_fails_is_part_of_the_cause(history: History) -> None:
    """As `go test -v` prints it: the message first, then the failure; not what the test before it said."""
    await history.write(
        "=== RUN   TestPass", "    a_test.go:3: fine", "=== RUN   TestAdd", "    a_test.go:7: got 2, want 3"
    )
    await history.write("--- FAIL: TestAdd (0.00s)", level="ERROR")
    cause = (await history.get("/logs/build/summary"))["cause"]

    assert cause["headline"] == "TestAdd: got 2, want 3"
    assert cause["lines"] == ["--- FAIL: TestAdd (0.00s)", "    a_test.go:7: got 2, want 3"]


async def test_a_summary_reads_errors_and_not_the_task(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a task with many lines, a bounded number is decoded: what has no errors is skipped by its levels."""
    for _ in range(20):
        await history.write(*["CC a.o"] * 1000, size=1000)
    await write_failed(history, errors=3)
    decoded: list[int] = []
    import gateway.history.failure.reading as reading

    decode = reading.decode_lines
    monkeypatch.setattr(reading, "decode_lines", lambda lines: decoded.append(len(lines)) or decode(lines))
    summary: Any = await history.get("/logs/build/summary")

    assert summary["lines"] == 20_055
    assert sum(decoded) < 20
