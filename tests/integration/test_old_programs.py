"""Programs of the older systems, unchanged on a fresh database and on one that those systems left."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.support.gateway_log import trouble
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.naver_api import CLIENT_ID, CLIENT_SECRET, naver_api
from tests.support.programs import run_node
from tests.support.waiting import time_limit

ORIGINALS = Path(__file__).parent / "databases" / "originals.sql"
STAGES = {f"AUTOMATION_{name}_COMMAND": "true" for name in ("SCRIPT", "IMAGE", "VIDEO", "YOUTUBE")}

pytestmark = pytest.mark.slow


@asynccontextmanager
async def older_system(tmp_path: Path, kind: str) -> AsyncIterator[GatewayProcess]:
    """A gateway with everything switched on, on a database of the kind; it ends without an error of its own."""
    if kind == "originals":
        with closing(sqlite3.connect(tmp_path / "otto.db")) as database:
            database.executescript(ORIGINALS.read_text())
    async with naver_api() as naver:
        settings = {"NAVER_CLIENT_ID": CLIENT_ID, "NAVER_CLIENT_SECRET": CLIENT_SECRET, "NAVER_API_URL": naver.url}
        settings |= {"AUTOMATION_ENABLED": "true", "TASKS_DIR": str(tmp_path / "tasks"), **STAGES}
        async with running_gateway(tmp_path, **settings) as gateway:
            yield gateway
            assert trouble(gateway.log()) == []


@pytest.mark.node
@pytest.mark.parametrize("kind", ["fresh", "originals"])
async def test_javascript_programs_work_unchanged(tmp_path: Path, kind: str) -> None:
    """better-sqlite3 on the file, ``fetch``, ``eventsource`` and ``socket.io-client``: all four systems."""
    async with older_system(tmp_path, kind) as gateway:
        await run_node("old-programs.js", gateway.url, str(gateway.database))


@pytest.mark.parametrize("kind", ["fresh", "originals"])
async def test_python_programs_work_unchanged(tmp_path: Path, kind: str) -> None:
    """``sqlite3`` on the file, ``httpx`` and ``httpx-sse``: all four systems."""
    async with older_system(tmp_path, kind) as gateway:
        command = (sys.executable, "-m", "tests.support.old_python_program", gateway.url, str(gateway.database))
        process = await asyncio.create_subprocess_exec(*command)
        async with time_limit("the programs end"):
            assert await process.wait() == 0


async def test_rows_of_every_state_are_taken_up(tmp_path: Path) -> None:
    """What waited and what a crash left is worked off; what was finished, failed, off or in the future stays."""
    async with older_system(tmp_path, "originals") as gateway:
        with closing(sqlite3.connect(gateway.database)) as database:
            open_items = (
                "SELECT count(*) FROM task_queue WHERE status IN ('waiting', 'processing')"
                " AND NOT (task_id = 'late' AND queue_type = 'schedule')"  # its next day
            )
            async with time_limit("the queues are empty", shown=gateway.log):
                while database.execute(open_items).fetchone() != (0,):
                    await asyncio.sleep(0.1)
            kept = "SELECT count(*) FROM task_queue WHERE task_id LIKE '%-failed' AND status = 'failed'"
            assert database.execute(kept).fetchone() == (5,)
            ran = "SELECT DISTINCT task_id FROM task_queue WHERE schedule_id IS NOT NULL"
            assert database.execute(ran).fetchall() == [("late",)]
            switched = "SELECT task_id, is_active FROM task_schedules ORDER BY id"
            assert dict(database.execute(switched)) == {"late": 1, "future": 1, "off": 0, "monthly": 1}
            assert database.execute("SELECT all_executions FROM dashboard_stats").fetchall() == [(40,)]
