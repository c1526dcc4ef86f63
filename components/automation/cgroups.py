"""Control groups (v2) of stages: they hold every descendant of a process, also a detached one."""

import contextlib
import os
from pathlib import Path
from typing import Final

__all__ = ["PROC", "end_cgroup", "own_cgroup", "processes_in", "remove_cgroup", "stage_cgroups"]

_NAME: Final = "otto-stage-"
"""The launcher makes ``otto-stage-PID-TICKS`` in its scheduler's own group."""
PROC: Final = Path("/proc")


def own_cgroup(process: str = "self") -> Path | None:
    """The directory of a process's group; None if there is no cgroup v2."""
    with contextlib.suppress(OSError):
        for line in (PROC / process / "cgroup").read_text().splitlines():
            if line.startswith("0::") and (mount := _mount()) is not None:
                return mount / line.removeprefix("0::").lstrip("/")
    return None


def _mount() -> Path | None:
    for line in (PROC / "self" / "mountinfo").read_text().splitlines():
        head, _, tail = line.partition(" - ")
        if tail.startswith("cgroup2 "):
            return Path(head.split()[4])
    return None


def stage_cgroups(name: str, members: set[int]) -> set[Path]:
    """The groups of a stage: below this process's group, or the one that a member of it is in.

    Args:
        name: pid and start of the stage's process, as in its marker.
        members: pids of processes that are known to be of the stage.
    """
    own = own_cgroup()
    found = set() if own is None else {own / (_NAME + name)}
    for group in map(own_cgroup, map(str, members)):
        found |= {each for each in (group, *group.parents) if each.name == _NAME + name} if group is not None else set()
    return {each for each in found if each.is_dir()}


def processes_in(group: Path) -> set[int]:
    """The pids of a group and the groups below it."""
    found: set[int] = set()
    for directory, _, _ in os.walk(group):  # passes over what is removed meanwhile
        with contextlib.suppress(OSError):
            found.update(map(int, Path(directory, "cgroup.procs").read_text().split()))
    return found


def end_cgroup(group: Path) -> None:
    """Send SIGKILL to all its processes at once, if the kernel supports it (5.14)."""
    path = group / "cgroup.kill"
    with contextlib.suppress(OSError):
        if path.exists():
            path.write_text("1")


def remove_cgroup(group: Path) -> None:
    """Remove an empty group with those below it; one that is not empty stays."""
    with contextlib.suppress(OSError):
        for each in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            each.rmdir()
        group.rmdir()
