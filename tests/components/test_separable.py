"""A gateway that only streams is without what runs work."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

_PROGRAM = """
import asyncio, sys
sys.modules.update(dict.fromkeys(("dateutil", "PIL", "httpx2")))  # None: not installed
from gateway.app import Gateway
from gateway.settings.model import Settings

async def main():
    gateway = await Gateway.start(Settings(http_port=0, websocket_port=0, grpc_port=0, database_url=sys.argv[1]))
    await gateway.stop()

asyncio.run(main())
modules = ("components.automation.queue", "components.automation.scheduler", "components.automation.tables")
print(*[name for name in sys.modules if name.startswith(modules)])
"""
_TABLES = {"tasks", "task_schedules", "task_queue", "task_logs", "scheduler_lock", "contents", "otto_stage_processes"}


@pytest.mark.slow
async def test_a_gateway_that_only_streams_loads_and_creates_nothing_of_it(tmp_path: Path) -> None:
    """Without AUTOMATION_ENABLED no extra is needed, no module of the queue is imported, and no table of it is made."""
    path = tmp_path / "otto.db"
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PROGRAM, f"sqlite:///{path}"), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await gateway.communicate()
    assert (gateway.returncode, said.decode().split("\n")[-2]) == (0, "")
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "job_logs" in tables
    assert not tables & _TABLES
