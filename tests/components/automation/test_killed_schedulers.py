import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from components.automation.scheduler import utc_now
from components.automation.tables import AutomationDatabase, TaskRepository
from storage.errors import StorageObstructedError
from tests.support.stage_history import judge_stages

_PROGRAM = Path(__file__).with_name("scheduler_process.py")


def _working(database: AutomationDatabase, running: list[asyncio.subprocess.Process]) -> int | None:
    """The scheduler whose stage is running, frozen so that it cannot end that stage any more; None: none now."""
    with database.reading() as connection:
        query = "SELECT pid FROM otto_stage_processes ORDER BY queue_id DESC LIMIT 1"
        pid = connection.exec_driver_sql(query).scalar()
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
    slot = next((slot for slot, process in enumerate(running) if process.pid == parent), None)
    if slot is None:
        return None
    running[slot].send_signal(signal.SIGSTOP)
    while Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)  # SIGSTOP is not answered
    try:
        # It may have been frozen with a lock on the file that keeps readers out, as the last one to close it has.
        with AutomationDatabase(database.path, busy_seconds=0.1).reading() as connection:
            if connection.exec_driver_sql("SELECT 1 FROM otto_stage_processes WHERE pid = ?", (pid,)).first():
                return slot
    except StorageObstructedError:
        pass
    running[slot].send_signal(signal.SIGCONT)
    return None


async def _pass(path: Path, count: int, kills: int) -> None:
    seed = os.environ.get("AUTOMATION_SEED", str(time.time_ns()))
    print(f"AUTOMATION_SEED={seed}", flush=True)
    chance = random.Random(seed)
    database = AutomationDatabase(path / "otto.db")
    await asyncio.to_thread(database.prepare)
    tasks = TaskRepository(database, utc_now)
    crawls = {}

    def add(number: int) -> None:
        for _ in range(number):
            mode = chance.choice(["crawl", "upload"])
            crawls[tasks.create("t", "shortform", settings={"mediaMode": mode}, max_retry=chance.choice((0, 1, 3)))] = (
                mode == "crawl"
            )

    share = count // (kills + 1)  # with each kill some more, so that no kill meets an empty queue
    await asyncio.to_thread(add, count - share * kills)

    async def begin() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, str(_PROGRAM), str(database.path), str(path / "tasks"), seed, cwd=Path.cwd()
        )

    def is_done() -> bool:
        with database.reading() as connection:
            query = "SELECT count(*) FROM task_queue WHERE status IN ('waiting', 'processing')"
            return connection.exec_driver_sql(query).scalar() == 0

    aimed = {chance.randrange(kills)}  # this kill meets a stage that runs, wherever the others fall
    running = [await begin(), await begin()]
    killed = 0
    try:
        while killed < kills or not await asyncio.to_thread(is_done):
            if killed in aimed:
                slot = await asyncio.to_thread(_working, database, running)
                if slot is None:
                    await asyncio.sleep(0.002)
                    continue
            else:
                await asyncio.sleep(chance.uniform(0.3, 2.5) if killed < kills else 0.3)
                slot = chance.randrange(2)
            if killed < kills:
                running[slot].kill()
                await running[slot].wait()
                running[slot] = await begin()
                killed += 1
                await asyncio.to_thread(add, share)
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    ends = [judge_stages(tasks, task_id, is_crawl=is_crawl) for task_id, is_crawl in crawls.items()]
    with database.reading() as connection:
        query = "SELECT count(*) FROM task_logs WHERE action_type IN ('retry', 'fail') AND message LIKE '%died'"
        taken_up = connection.exec_driver_sql(query).scalar()
    print(f"{len(ends)} tasks, {killed} kills, {taken_up} stages taken up", flush=True)
    print(f"{ends.count('completed')} completed, {ends.count('failed')} failed", flush=True)
    assert not (path / "tasks" / "overlap").exists()
    assert taken_up >= len(aimed)
    assert (len(ends), killed) == (count, kills)


@pytest.mark.slow
async def test_two_schedulers_killed_at_random(tmp_path: Path) -> None:
    """Each stage ended exactly as its retries say, none ran twice at once, and task_logs tells it in order."""
    await _pass(tmp_path, 6, 2)


@pytest.mark.automation_faults
@pytest.mark.timeout(1800)
async def test_two_schedulers_killed_fifty_times(tmp_path: Path) -> None:
    """The same with 200 tasks and 50 kills."""
    await _pass(tmp_path, 200, 50)
