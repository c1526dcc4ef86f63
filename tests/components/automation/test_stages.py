import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.automation.processes import start_ticks
from components.automation.stages import Stage, StageFailedError, run_stage
from components.automation.tables import QueueItem, TaskLine
from storage.errors import StorageUnavailableError
from tests.support.moved_clock import pass_time

ITEM = QueueItem(1, "t", None, "script", 0, 3)


class Rows:
    def __init__(self) -> None:
        self.lines: list[TaskLine] = []
        self.pid = 0
        self.has_line = asyncio.Event()

    async def write(self, lines: Sequence[TaskLine]) -> None:
        await asyncio.sleep(0)
        self.lines += lines
        self.has_line.set()

    async def started(self, _boot: str, pid: int, _ticks: int) -> bool:
        self.pid = pid
        return True

    async def run(self, program: str, directory: Path, **limits: float) -> dict[str, object]:
        stage = Stage((sys.executable, "-S", "-c", program), **limits)
        return await run_stage(stage, ITEM, directory, {}, started=self.started, write=self.write)


async def test_a_flood_is_stored_whole_and_in_order(tmp_path: Path) -> None:
    """100,000 lines are 100,000 rows in their order, and the last JSON line is the result."""
    rows = Rows()
    result = await rows.run('for n in range(100000): print(n)\nprint(\'{"video_path": "x"}\')', tmp_path)
    assert result == {"video_path": "x"}
    assert [line.message for line in rows.lines[:-1]] == [str(n) for n in range(100_000)]
    assert {line.pid for line in rows.lines} == {rows.pid}


async def test_a_time_limit_ends_children_too(tmp_path: Path) -> None:
    """A stage whose time is up fails, and a child that ignores SIGTERM is gone with it."""
    rows = Rows()
    program = (
        "import os,signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\nif child: print(child, flush=True)\ntime.sleep(600)"
    )
    work = asyncio.create_task(rows.run(program, tmp_path, timeout_seconds=3600.0, grace_seconds=0.2))
    await rows.has_line.wait()
    pass_time(3600.0)
    with pytest.raises(StageFailedError, match="took longer than 3600 s"):
        await work
    stat = Path(f"/proc/{int(rows.lines[0].message)}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


async def test_a_cancelled_stage_leaves_no_process(tmp_path: Path) -> None:
    """Whatever ends the coroutine ends the group."""
    rows = Rows()
    work = asyncio.create_task(rows.run("import time; print('up', flush=True); time.sleep(600)", tmp_path))
    await rows.has_line.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert start_ticks(rows.pid) is None


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; print('broken', file=sys.stderr); print('bye', flush=True); sys.exit(3)", "exit code 3: broken"),
        ("import sys; print('bye', flush=True); sys.exit(3)", "exit code 3: bye"),
        ("import sys; sys.exit(3)", "exit code 3$"),
    ],
)
async def test_a_failure_says_the_last_error_line(tmp_path: Path, program: str, reason: str) -> None:
    """The exit code and the last line of standard error are the reason; where there is none, that of its output."""
    with pytest.raises(StageFailedError, match=reason):
        await Rows().run(program, tmp_path)


async def test_a_database_that_cannot_store_lines_is_no_failure_of_the_stage(tmp_path: Path) -> None:
    """The error is raised as it is, so the scheduler waits for its database and no retry is used up."""
    rows = Rows()

    async def write(_lines: Sequence[TaskLine]) -> None:
        raise StorageUnavailableError("away")

    rows.write = write  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailableError, match="away"):
        await rows.run("import time; print('up', flush=True); time.sleep(600)", tmp_path)
    assert start_ticks(rows.pid) is None
