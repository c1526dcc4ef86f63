import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.automation import cgroups
from components.automation.cgroups import own_cgroup, processes_in, remove_cgroup, stage_cgroups
from components.automation.stages import Stage, run_stage
from components.automation.tables import QueueItem, TaskLine

# Leaves a process without the stage's marker, session and parents: only its control group tells whose it is.
LEAVES = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        os.closerange(0, 3)
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], {})
    os._exit(0)
os.wait()
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose process 7 is in the group of a stage; this process is in the group above it."""
    groups, proc = tmp_path / "cgroup", tmp_path / "proc"
    for process, group in (("self", "/gateway"), ("7", "/gateway/otto-stage-5-100/inner")):
        (proc / process).mkdir(parents=True)
        (proc / process / "cgroup").write_text(f"3:cpu:/\n0::{group}\n")
    (proc / "self" / "mountinfo").write_text(f"30 25 0:26 / {groups} rw shared:4 - cgroup2 cgroup2 rw\n")
    for name, pids in (
        ("gateway", ""),
        ("gateway/otto-stage-5-100", "5\n6\n"),
        ("gateway/otto-stage-5-100/inner", "7"),
    ):
        (groups / name).mkdir(parents=True)
        (groups / name / "cgroup.procs").write_text(pids)
    monkeypatch.setattr(cgroups, "PROC", proc)
    return groups / "gateway"


def test_a_stages_group_is_found_below_that_of_its_scheduler(tree: Path) -> None:
    """Or above that of a process which is known to be the stage's, in a group of whatever scheduler."""
    assert own_cgroup() == tree
    assert stage_cgroups("5-100", set()) == {tree / "otto-stage-5-100"}
    (tree.parent.parent / "proc" / "self" / "cgroup").write_text("0::/elsewhere\n")
    assert stage_cgroups("5-100", set()) == set()
    assert stage_cgroups("5-100", {7}) == {tree / "otto-stage-5-100"}


def test_a_group_has_the_processes_of_those_below_it(tree: Path) -> None:
    """One that has no processes any more is removed with them; a real one has no files that would be in the way."""
    group = tree / "otto-stage-5-100"
    assert processes_in(group) == {5, 6, 7}
    for path in group.rglob("cgroup.procs"):
        path.unlink()
    remove_cgroup(group)
    assert not group.exists()


def test_a_machine_without_cgroup_v2_has_no_group(tree: Path) -> None:
    """The marker is enough there."""
    (tree.parent.parent / "proc" / "self" / "mountinfo").write_text("31 25 0:27 / /sys rw - sysfs sysfs rw\n")
    assert own_cgroup() is None
    assert stage_cgroups("5-100", {7}) == set()


async def test_nothing_of_a_stage_outlives_it_where_cgroup_v2_can_be_written(tmp_path: Path) -> None:
    """Not even a process that has left everything after by which it could be found otherwise."""
    own = own_cgroup()
    if own is None or not os.access(own, os.W_OK):
        pytest.skip(f"needs cgroup v2 that this user may write, here is {own or 'none'}")
    lines: list[str] = []

    async def write(more: Sequence[TaskLine]) -> None:
        lines.extend(line.message for line in more)

    async def started(_boot: str, _pid: int, _ticks: int) -> bool:
        return True

    stage = Stage((sys.executable, "-I", "-S", "-c", LEAVES), grace_seconds=0.0)
    item = QueueItem(1, "t", None, "script", 0, 3)
    await run_stage(stage, item, tmp_path, {}, started=started, write=write)
    stat = Path(f"/proc/{int(lines[0])}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_group_that_is_removed_has_no_processes(tmp_path: Path) -> None:
    """The kernel or another part may remove it at any moment; what is left beside it is read."""
    (tmp_path / "left").mkdir()
    (tmp_path / "left/cgroup.procs").write_text("7\n8\n")
    assert processes_in(tmp_path / "gone") == set()
    assert processes_in(tmp_path) == {7, 8}
