"""Stages as commands: a session of their own, their output as rows of the task, a time limit."""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from components.automation.cgroups import own_cgroup
from components.automation.environment import stage_environment
from components.automation.json_objects import parse_object
from components.automation.processes import boot_id, end_processes, start_ticks
from components.automation.tables import QueueItem, TaskLine
from components.automation.tables.records import POSITION, progress_line

__all__ = ["POSITION", "Stage", "StageFailedError", "run_stage"]

_CHUNK_BYTES: Final = 64 << 10
_LINE_BYTES_MAX: Final = 1 << 20
"""A longer line becomes several rows: nothing is lost, and a stage that never ends its line fills no memory."""


class StageFailedError(Exception):
    """A stage that ended badly; the text is what ``error_message`` says."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A command: ``argv`` may hold ``{task_id}``, ``{directory}`` and ``{settings}`` (JSON).

    ``variables`` names what it gets of this process's environment besides ``PASSED_VARIABLES``.
    """

    argv: tuple[str, ...]
    timeout_seconds: float = 3600.0
    grace_seconds: float = 5.0
    variables: tuple[str, ...] = ()


async def run_stage(
    stage: Stage,
    item: QueueItem,
    directory: Path,
    settings: dict[str, Any],
    *,
    started: Callable[[str, int, int], Awaitable[bool]],
    write: Callable[[Sequence[TaskLine]], Awaitable[None]],
) -> dict[str, Any]:
    """Run a command to its end and return its results: the last line of its output, if that is a JSON object.

    Output is read no faster than ``write`` returns, so a stage that floods blocks on its pipe. When this
    coroutine ends, for any reason, all processes of the stage are killed.

    Args:
        stage: what to run.
        item: what it runs for.
        directory: the task's; made if it is missing, and the command's working directory.
        settings: the task's.
        started: notes boot, pid and start before the command may begin; False: it was stopped, and must not start.
        write: stores lines, in order.

    Raises:
        StageFailedError: it could not be started, its time was up, or it ended with an exit code other than 0.
        LockLostError, StorageError: its lines could not be stored.
    """
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    words = {
        "{task_id}": item.task_id,
        "{directory}": str(directory),
        "{settings}": json.dumps(settings, ensure_ascii=False),
    }
    argv = [_filled(part, words) for part in stage.argv]
    process = await _launched(argv, directory, stage.variables)
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018
    ticks = start_ticks(process.pid) or 0
    line = TaskLine(
        item.task_id,
        "",
        queue_id=item.id,
        queue_type=item.queue_type,
        pid=process.pid,
        process_name=os.path.basename(argv[0])[:64],  # noqa: PTH119 - argv need not be a path
    )
    output = _Output(process.stdout, line, write)
    errors = _Output(process.stderr, replace(line, level="error", metadata={"source": "stderr"}), write)
    try:
        await _begin(process, may_begin=await started(boot_id(), process.pid, ticks))
        async with asyncio.timeout(stage.timeout_seconds):
            await _copy_both(output, errors)
            code = await process.wait()
    except TimeoutError:
        raise StageFailedError(f"{item.queue_type} took longer than {stage.timeout_seconds:g} s") from None
    finally:
        await asyncio.shield(_ended(process, ticks, stage.grace_seconds))
    if code:
        last = errors.last or output.last
        raise StageFailedError(f"{item.queue_type} ended with exit code {code}" + (f": {last[:500]}" if last else ""))
    return output.result


async def _launched(argv: Sequence[str], directory: Path, variables: tuple[str, ...]) -> asyncio.subprocess.Process:
    """A process that becomes the command once it gets a byte."""
    launcher = Path(__file__).with_name("launcher.py")
    cgroup = own_cgroup()
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(launcher), "" if cgroup is None else str(cgroup), *argv),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=directory,
        env=stage_environment(variables),
        start_new_session=True,
        limit=_CHUNK_BYTES,
    )


async def _begin(process: asyncio.subprocess.Process, *, may_begin: bool) -> None:
    assert process.stdin is not None  # noqa: S101
    if may_begin:
        with contextlib.suppress(ConnectionError, RuntimeError):  # it has ended; the second is uvloop's
            process.stdin.write(b"1")
            await process.stdin.drain()
    process.stdin.close()


async def _copy_both(output: "_Output", errors: "_Output") -> None:
    """Copy both pipes to their ends; raises what the first write raised that failed, and not a group of errors."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(output.copy())
            group.create_task(errors.copy())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _ended(process: asyncio.subprocess.Process, ticks: int, grace_seconds: float) -> None:
    """Kill all processes of the stage, including children that outlived their parent."""
    await end_processes(process.pid, ticks, grace_seconds=grace_seconds)
    await process.wait()


class _Output:
    """One of the two pipes of a stage."""

    def __init__(
        self,
        pipe: asyncio.StreamReader,
        line: TaskLine,
        write: Callable[[Sequence[TaskLine]], Awaitable[None]],
    ) -> None:
        self._pipe = pipe
        self._line = line
        self._write = write
        self.last = ""
        self.result: dict[str, Any] = {}

    async def copy(self) -> None:
        """Store every line until the pipe ends."""
        rest = b""
        while chunk := await self._pipe.read(_CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LINE_BYTES_MAX:
                whole, rest = [*whole, rest], b""
            if whole:
                await self._write([self._row(text) for text in whole])
        if rest:
            await self._write([self._row(rest)])

    def _row(self, text: bytes) -> TaskLine:
        message = text.decode(errors="replace").removesuffix("\r")
        if not message.strip():
            return replace(self._line, message=message)
        self.last = message
        found = parse_object(message) if message.startswith("{") else None
        if found:
            found.pop(POSITION, None)  # a row with it counts as one that came from the stream
        self.result = found or {}
        if found and ("progress" in found or {"current", "total"} <= found.keys()):
            self.result = {}
            return progress_line(replace(self._line, message=message), found)
        return replace(self._line, message=message)


def _filled(part: str, words: dict[str, str]) -> str:
    """One pass: what a setting's text holds is never taken for a template."""
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], part)
