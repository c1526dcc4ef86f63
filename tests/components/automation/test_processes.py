"""Ending process groups, with real ones: which are a stage's own, and which only have its number."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.automation import launcher
from components.automation.processes import MARKER, boot_id, end_processes, start_ticks
from components.automation.scheduler import Scheduler, utc_now
from components.automation.stopping import stop_task
from components.automation.tables import AutomationDatabase, QueueItem, QueueRepository, SchedulerLock, TaskRepository
from tests.support.waiting import until

Start = Callable[..., subprocess.Popen[bytes]]
NAME = Path(sys.executable).name
WAITS = "import time; time.sleep(600)"
LEAVES_A_CHILD = f"import os; child = os.fork()\nif child: print(child, flush=True); os._exit(0)\n{WAITS}"
LEAVES_A_SESSION = LEAVES_A_CHILD.replace("if child", "os.setsid() if not child else None\nif child")
LAUNCHER = Path(launcher.__file__)
OTHER_BOOT = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs as a scheduler starts a stage's command: with a session and a marker of their own."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str = WAITS) -> subprocess.Popen[bytes]:
        argv = (sys.executable, "-I", "-S", str(LAUNCHER), "", sys.executable, "-I", "-S", "-c", program)
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        started.append(process)
        assert process.stdin is not None
        process.stdin.write(b"1")
        process.stdin.close()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class Bench:
    """A task whose stage is being processed by ``process``, as the tables of a scheduler have it."""

    def __init__(self, path: Path, boot: str, pid: int, ticks: int) -> None:
        self.database = AutomationDatabase(path / "otto.db")
        self.database.prepare()
        self.tasks = TaskRepository(self.database, utc_now)
        self.task_id = self.tasks.create("a", "shortform")
        lock = SchedulerLock(self.database, utc_now)
        assert lock.take()
        queue = QueueRepository(lock)
        schedule = queue.dequeue("schedule")
        assert schedule is not None
        queue.complete(schedule, {})
        item = queue.dequeue("script")
        assert isinstance(item, QueueItem)
        assert queue.started(item, boot, pid, ticks)
        lock.release()  # its scheduler is dead


def ticks_of(process: subprocess.Popen[bytes]) -> int:
    ticks = start_ticks(process.pid)
    assert ticks is not None
    return ticks


async def test_a_group_is_ended_by_its_leaders_number_and_start(start: Start) -> None:
    """Its leader ends by SIGTERM, and there is nothing to end a second time."""
    process = start()
    ticks = ticks_of(process)
    reaped = asyncio.create_task(asyncio.to_thread(process.wait))
    assert await end_processes(process.pid, ticks, grace_seconds=60)
    assert await reaped == -signal.SIGTERM
    assert not await end_processes(process.pid, ticks, grace_seconds=60)


@pytest.mark.parametrize("difference", [-1, 1, -100_000])
async def test_a_number_that_has_come_to_another_process_is_left_alone(start: Start, difference: int) -> None:
    """A group whose leader began at another time than the one that was noted gets no signal."""
    foreign = start()
    assert not await end_processes(foreign.pid, ticks_of(foreign) + difference, grace_seconds=0.0)
    assert _is_waiting(foreign)


@pytest.mark.parametrize("program", [LEAVES_A_CHILD, LEAVES_A_SESSION])
async def test_children_that_outlived_their_leader_are_ended(start: Start, program: str) -> None:
    """Also those that began a session of their own, as drivers of browsers start them: they have its marker."""
    leader = start(program)
    ticks = ticks_of(leader)
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    leader.wait()
    assert await end_processes(leader.pid, ticks, grace_seconds=0.0) == (NAME,)
    assert start_ticks(child) is None or _state(child) == "Z"


async def test_a_session_of_a_living_leader_is_ended_with_it(start: Start) -> None:
    """A child that has left its group and its environment is still its child."""
    scrubbed = f"import os, sys; os.setsid(); os.execve(sys.executable, [sys.executable, '-S', '-c', {WAITS!r}], {{}})"
    leader = start(f"import os\nif os.fork() == 0: {scrubbed}\nprint(1, flush=True)\n{WAITS}")
    ticks = ticks_of(leader)
    assert leader.stdout is not None
    leader.stdout.readline()
    await until(lambda: len(_sessions_of(leader.pid)) == 2, "the child has a session of its own")
    children = _sessions_of(leader.pid)
    await end_processes(leader.pid, ticks, grace_seconds=0.0)
    assert all(start_ticks(each) is None or _state(each) == "Z" for each in children)


async def test_a_group_of_a_later_process_with_the_number_is_left_alone(start: Start) -> None:
    """If the leader is gone, its number alone names nothing: members of the group need its marker."""
    leader = start(LEAVES_A_CHILD)
    ticks = ticks_of(leader)
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    leader.wait()
    assert await end_processes(leader.pid, ticks - 1, grace_seconds=0.0) == ()
    assert _state(child) != "Z"
    await end_processes(leader.pid, ticks, grace_seconds=0.0)


async def test_a_marker_of_an_outer_stage_stays(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that is itself a stage's marks its stages in addition, so an end of the outer one ends them, too."""
    monkeypatch.setenv(MARKER, "7-0")
    inner = start("import os; print(os.environ['OTTO_STAGE_PROCESS'], flush=True)")
    assert inner.stdout is not None
    assert inner.stdout.readline().decode().strip() == f"7-0,{inner.pid}-{ticks_of(inner)}"


@pytest.mark.parametrize(("boot", "difference"), [(OTHER_BOOT, 0), (None, 1)])
async def test_a_stop_leaves_processes_of_others_alone(
    tmp_path: Path, start: Start, boot: str | None, difference: int
) -> None:
    """What was noted before the machine was booted anew, or before the number was used again, does not name them."""
    foreign = start()
    bench = Bench(tmp_path, boot or boot_id(), foreign.pid, ticks_of(foreign) + difference)
    answer = await stop_task(bench.tasks, bench.task_id, grace_seconds=0.0)
    assert answer is not None
    assert (answer.stopped_processing, answer.killed_processes) == (1, [])
    assert _is_waiting(foreign)


async def test_a_stop_ends_the_process_that_was_noted(tmp_path: Path, start: Start) -> None:
    """Number, start and boot are its own."""
    process = start()
    bench = Bench(tmp_path, boot_id(), process.pid, ticks_of(process))
    answer = await stop_task(bench.tasks, bench.task_id, grace_seconds=0.0)
    assert answer is not None
    assert answer.killed_processes == [NAME]
    assert await asyncio.to_thread(process.wait) in (-signal.SIGTERM, -signal.SIGKILL)


@pytest.mark.parametrize(("boot", "difference", "is_own"), [(OTHER_BOOT, 0, False), (None, 1, False), (None, 0, True)])
async def test_a_scheduler_that_takes_up_an_item_ends_what_is_left_of_it_and_nothing_else(
    tmp_path: Path, start: Start, boot: str | None, difference: int, *, is_own: bool
) -> None:
    """Of a dead scheduler's stage, told by boot and start from whatever has its number now."""
    process = start()
    bench = Bench(tmp_path, boot or boot_id(), process.pid, ticks_of(process) + difference)
    scheduler = Scheduler(bench.database, {}, tmp_path / "tasks")
    work = asyncio.create_task(scheduler.run())
    await until(lambda: bench.tasks.queue(bench.task_id)[-1]["status"] != "processing", "the item is taken up")
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    if is_own:
        assert await asyncio.to_thread(process.wait) in (-signal.SIGTERM, -signal.SIGKILL)
    else:
        assert _is_waiting(process)


def test_the_boot_id_is_the_kernels() -> None:
    """One for as long as the machine runs."""
    assert boot_id() == boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _sessions_of(leader: int) -> dict[int, int]:
    """The leader and its children, each with its session."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, fields = int(path.parent.name), path.read_text().rpartition(")")[2].split()
            if leader in (pid, int(fields[1])):
                found[int(fields[3])] = pid
    return {pid: session for session, pid in found.items()}


def _is_waiting(process: subprocess.Popen[bytes]) -> bool:
    """Whether it runs; a signal that was sent to it before would have ended it first."""
    return process.poll() is None and _state(process.pid) != "Z"
