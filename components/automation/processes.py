"""Processes of stages: which are a stage's own, and ending all of them and nothing else.

A stage's processes are

1. those with its marker in their environment: ``OTTO_STAGE_PROCESS`` has pid and start time of its first process, and a
   child inherits it, also one that begins a session of its own;
2. where cgroup v2 can be used, those of the stage's control group;
3. as long as the first process lives, those of its group and session;
4. the children of all these.

A number alone never names a process: start times are compared, and signals go through a pidfd.
"""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from components.automation.cgroups import end_cgroup, processes_in, remove_cgroup, stage_cgroups

__all__ = ["MARKER", "boot_id", "end_processes", "start_ticks"]

MARKER: Final = "OTTO_STAGE_PROCESS"
"""In the environment of a stage: ``PID-TICKS``, after a comma where a stage's own stage has one, too."""

_POLL_SECONDS: Final = 0.02
_POLL_SECONDS_MAX: Final = 0.2
_KILLS_MAX: Final = 50
"""Looks after SIGKILL: a process that waits for a disk ends later, and another user's may not end at all."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    ticks: int


def boot_id() -> str:
    """Identifies this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When a process began, in ticks since the boot; None if there is none."""
    found = _process(pid)
    return None if found is None else found.ticks


async def end_processes(pid: int, started: int, *, grace_seconds: float) -> tuple[str, ...]:
    """SIGTERM to all processes of a stage, SIGKILL to those that are left after the grace time.

    Args:
        pid: of the stage's first process, which may be gone.
        started: when that began, in ticks since the boot.
        grace_seconds: between the signals.

    Returns:
        the names of the processes that ran, each once, as the kernel has them (15 characters).
    """
    found = await asyncio.to_thread(_processes_of, pid, started)
    names = dict.fromkeys(each.name for each in found)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_seconds):
            pause, told = _POLL_SECONDS, set[_Process]()
            while found:
                for each in set(found) - told:
                    _signal(each, signal.SIGTERM)
                told.update(found)
                await asyncio.sleep(pause)  # the kernel does not notify when they have ended
                pause = min(2 * pause, _POLL_SECONDS_MAX)
                found = await asyncio.to_thread(_processes_of, pid, started)
    groups = await asyncio.to_thread(stage_cgroups, f"{pid}-{started}", {each.pid for each in found})
    for _ in range(_KILLS_MAX):
        if not found:
            break
        for group in groups:
            end_cgroup(group)
        for each in found:
            _signal(each, signal.SIGKILL)
        await asyncio.sleep(_POLL_SECONDS)
        found = await asyncio.to_thread(_processes_of, pid, started)
    if found:
        _log.error("processes of a stage survive SIGKILL", pids=[each.pid for each in found])
    for group in groups:
        remove_cgroup(group)
    return tuple(names)


def _processes_of(pid: int, started: int) -> list[_Process]:
    """Those of a stage that run, in the order of their numbers."""
    name = f"{pid}-{started}"
    alive = {each.pid: each for each in map(_process, _pids()) if each is not None and each.ticks >= started}
    found = {number for number in alive if name in _markers(number)}
    for group in stage_cgroups(name, found):
        found |= processes_in(group) & alive.keys()
    leader = alive.get(pid)
    if leader is not None and leader.ticks == started:
        found |= {each.pid for each in alive.values() if pid in (each.group, each.session)}
    children = found
    while children:
        children = {each.pid for each in alive.values() if each.parent in children} - found
        found |= children
    return [alive[number] for number in sorted(found - {os.getpid()}) if alive[number].state not in "ZX"]


def _pids() -> list[int]:
    return [int(each) for each in os.listdir("/proc") if each.isdecimal()]  # noqa: PTH208 - names alone, often


def _process(pid: int) -> _Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    head, _, tail = text.rpartition(")")  # the name in between may hold anything
    state, parent, group, session, *rest = tail.split()
    return _Process(pid, head.partition("(")[2], state, int(parent), int(group), int(session), int(rest[15]))


def _markers(pid: int) -> list[str]:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or another user's
        return []
    prefix = f"{MARKER}=".encode()
    return [
        name
        for each in environment.split(b"\0")
        if each.startswith(prefix)
        for name in each.removeprefix(prefix).decode(errors="replace").split(",")
    ]


def _signal(process: _Process, number: int) -> None:
    """Through a pidfd: the number cannot come to another process between the comparison and the signal."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(process.pid)
        try:
            if start_ticks(process.pid) == process.ticks:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)
