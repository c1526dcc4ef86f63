"""Process groups of stages: telling one from a later one with its number, and ending it."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

__all__ = ["boot_id", "end_group", "start_ticks"]


def boot_id() -> str:
    """What tells this run of the machine from the others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When a process began, in ticks since the boot; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text.rpartition(")")[2].split()[19])  # the name in front may hold anything


async def end_group(pid: int, started: int, *, grace_seconds: float) -> bool:
    """SIGTERM to the group that ``pid`` leads, SIGKILL after the grace time; False where nothing of it runs.

    A number that now belongs to another process is left alone. While any member of a group lives, the kernel does not
    give its number away, so a leader that is gone leaves either the group's own members or nothing under the number.
    """
    now = start_ticks(pid)
    if now is not None and now != started:
        return False
    if not _signal(pid, signal.SIGTERM):
        return False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_seconds):
            while _signal(pid, 0):  # noqa: ASYNC110 - the kernel tells nobody when a group has ended
                await asyncio.sleep(0.02)
            return True
    _signal(pid, signal.SIGKILL)
    return True


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
