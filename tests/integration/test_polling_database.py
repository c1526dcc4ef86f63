"""``sqlite3`` on the command line as the old web UI: it reads ``job_logs`` and writes to it, beside the gateway."""

import json
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_process import running_gateway
from tests.support.programs import program
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = pytest.mark.servers


def sqlite(database: Path, statement: str) -> list[dict[str, object]]:
    """Run a statement with the ``sqlite3`` program; its rows."""
    command = [program("sqlite3"), "-json", "-cmd", ".timeout 120000", str(database), statement]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows: list[dict[str, object]] = json.loads(output or "[]")
    return rows


async def rows_of(database: Path, job_id: str, count: int) -> list[dict[str, object]]:
    """The rows of a job as the old UI asks for them, once there are ``count``."""
    async for _ in attempts(f"{count} rows are there"):
        rows = sqlite(database, f"SELECT * FROM job_logs WHERE job_id = '{job_id}' ORDER BY id ASC")
        if len(rows) >= count:
            return rows
    raise AssertionError


async def test_every_line_is_a_row_in_order(tmp_path: Path) -> None:
    """The rows of a job are its lines, once each and in order, in the columns of the old table."""
    lines = [f'step {number}: it\'s "done" 완료 {chr(9)}x' for number in range(1, 701)]
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", lines)
        rows = await rows_of(gateway.database, "build", 700)
    assert [row["log_message"] for row in rows] == lines
    assert list(rows[0]) == ["id", "job_id", "log_message", "created_at"]


async def test_a_row_inserted_by_the_old_program_is_polled_with_the_others(tmp_path: Path) -> None:
    """Another program's INSERT shows up in the polling API after the lines before it."""
    async with running_gateway(tmp_path) as gateway, httpx2.AsyncClient(base_url=gateway.url) as client:
        await publish(gateway.grpc_address, "build", ["from a worker"])
        await rows_of(gateway.database, "build", 1)
        sqlite(
            gateway.database,
            "INSERT INTO job_logs (job_id, log_message, created_at) VALUES ('build', '🎉 작업 완료', datetime('now'))",
        )
        answer = await client.get("/api/automation/logs", params={"jobId": "build"})
    assert [row["log_message"] for row in answer.json()["logs"]] == ["from a worker", "🎉 작업 완료"]


async def test_an_existing_table_with_rows_is_taken_over(tmp_path: Path) -> None:
    """A database that has the old table already keeps its rows and gets the new ones after them."""
    sqlite(
        tmp_path / "otto.db",
        "CREATE TABLE job_logs (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, log_message TEXT NOT NULL,"
        " created_at DATETIME DEFAULT CURRENT_TIMESTAMP);"
        "CREATE INDEX idx_job_logs_job_id ON job_logs(job_id);"
        "INSERT INTO job_logs (job_id, log_message) VALUES ('build', 'from before');",
    )
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", ["from now"])
        rows = await rows_of(gateway.database, "build", 2)
    assert [row["log_message"] for row in rows] == ["from before", "from now"]


async def test_a_kill_neither_loses_nor_doubles_rows(tmp_path: Path) -> None:
    """Killed while rows are being copied, the gateway continues exactly where the rows end."""
    lines = [f"line {number}" for number in range(1, 20_001)]
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", lines, batch_lines=1000)
        await gateway.restart()
        rows = await rows_of(gateway.database, "build", len(lines))
    assert [row["log_message"] for row in rows] == lines
