"""The gateway on a database that an old application owns, and continues reading and writing."""

import asyncio
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.job_logs import SCHEMA
from tests.support.waiting import attempts, time_limit
from tests.support.worker import publish

OLD_SCHEMA = (
    SCHEMA
    + """
CREATE TABLE workflows (id TEXT PRIMARY KEY, name TEXT, body BLOB);
CREATE VIEW last_logs AS SELECT job_id, max(id) AS id FROM job_logs GROUP BY job_id;
CREATE TRIGGER count_logs AFTER INSERT ON job_logs BEGIN
  UPDATE workflows SET name = name || '.' WHERE id = 'count'; END;
ALTER TABLE job_logs ADD COLUMN note TEXT DEFAULT 'none';
INSERT INTO workflows VALUES ('a', '이름', x'00ff'), ('count', '', NULL);
INSERT INTO job_logs (job_id, log_message, created_at) VALUES
  ('old-0', 'before', '2024-01-01 00:00:00'), ('odd', CAST(x'ff00' AS TEXT), NULL), ('j', 7, 8.5);
"""
)


def make_old_database(path: Path, mode: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.executescript(OLD_SCHEMA)


def picture(path: Path) -> list[object]:
    """Everything of the old application: its schema as text, and its rows as bytes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return [
            connection.execute(
                "SELECT type, name, sql FROM sqlite_master WHERE tbl_name IN ('job_logs', 'workflows', 'last_logs') "
                "AND name NOT LIKE 'otto%' ORDER BY name"
            ).fetchall(),
            connection.execute("SELECT * FROM job_logs WHERE id <= 3 ORDER BY id").fetchall(),
            connection.execute("SELECT * FROM workflows WHERE id = 'a'").fetchall(),
            connection.execute("PRAGMA user_version").fetchall(),
            connection.execute("PRAGMA application_id").fetchall(),
        ]


async def start_old_program(database: Path, rows: int, jobs: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.old_program", str(database), str(rows), str(jobs)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"started\n"
    return process


async def lines_of(gateway: GatewayProcess, task: str, count: int) -> list[dict[str, object]]:
    """The first lines of a task's stream."""
    async with time_limit(f"{count} lines of {task}"):
        stream = EventStream(gateway.stream_url(task))
        while len(stream.recording.entries) < count:
            await stream.read(lambda recording: len(recording.entries) >= count)
    return stream.recording.entries


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_both_write_hard_and_all_rows_and_lines_get_in(tmp_path: Path, mode: str) -> None:
    """The old program gets every row in within its 5 s; the gateway copies every line and takes over every row."""
    old = tmp_path / "old.db"
    make_old_database(old, mode)
    before = picture(old)
    async with running_gateway(tmp_path, POLLING_DATABASE_URL=f"sqlite:///{old}") as gateway:
        program = await start_old_program(old, 400, 2)
        lines = [f"line {number}" for number in range(4000)]
        await publish(gateway.grpc_address, "new", lines)
        assert await program.communicate() == (b"errors 0\n", None)
        taken = [await lines_of(gateway, f"old-{number}", 200) for number in (0, 1)]
        async with httpx2.AsyncClient(base_url=gateway.url) as client:
            rows: list[dict[str, object]] = []
            async for _ in attempts("all lines are rows"):
                rows = (await client.get("/api/automation/logs", params={"jobId": "new"})).json()["logs"]
                if len(rows) >= len(lines):
                    break
            metrics = (await client.get("/metrics")).text
        assert await gateway.stop() == 0
    assert [row["log_message"] for row in rows] == lines
    for number in (0, 1):
        assert [entry["message"] for entry in taken[number]] == [f"row {row} 한국어" for row in range(number, 400, 2)]
        assert {entry["source"] for entry in taken[number]} == {"table"}
    assert "otto_table_rows_up 1.0" in metrics
    assert picture(old) == before
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT count(*) FROM job_logs").fetchone() == (3 + 400 + 4000,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)


async def test_a_database_that_is_also_the_journal_keeps_what_is_the_old_programs(tmp_path: Path) -> None:
    """With the default settings the journal's tables come into the same file, beside what is there."""
    make_old_database(tmp_path / "otto.db", "wal")
    before = picture(tmp_path / "otto.db")
    async with running_gateway(tmp_path) as gateway:
        program = await start_old_program(gateway.database, 300, 1)
        await publish(gateway.grpc_address, "new", [f"line {number}" for number in range(3000)])
        assert await program.communicate() == (b"errors 0\n", None)
        assert len(await lines_of(gateway, "old-0", 300)) == 300
        assert await gateway.stop() == 0
    assert picture(tmp_path / "otto.db") == before


async def test_killed_anywhere_each_row_is_one_line(tmp_path: Path) -> None:
    """`kill -9` while rows are being taken over: none is missing, none comes twice, the order is the table's."""
    old = tmp_path / "old.db"
    make_old_database(old, "wal")
    async with running_gateway(tmp_path, POLLING_DATABASE_URL=f"sqlite:///{old}") as gateway:
        program = await start_old_program(old, 1500, 3)
        for _ in range(3):
            await publish(gateway.grpc_address, "new", ["x"] * 50)
            await gateway.restart()
        assert await program.communicate() == (b"errors 0\n", None)
        taken = [await lines_of(gateway, f"old-{number}", 500) for number in range(3)]
        await publish(gateway.grpc_address, "old-0", ["the end"])
        assert [entry["message"] for entry in await lines_of(gateway, "old-0", 501)][500:] == ["the end"]
    for number in range(3):
        assert [entry["message"] for entry in taken[number]] == [f"row {row} 한국어" for row in range(number, 1500, 3)]


async def test_a_row_is_seen_live_soon_after_its_insert(tmp_path: Path) -> None:
    """From the old program's INSERT to the line in a stream that is open; the figure in docs/polling.md."""
    async with running_gateway(tmp_path) as gateway, httpx2.AsyncClient() as client:
        stream = EventStream(gateway.stream_url("job"))
        delays: list[float] = []
        inserted = 0.0
        with closing(sqlite3.connect(gateway.database)) as connection:

            def insert(text: str) -> None:
                with connection:
                    connection.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('job', ?)", (text,))

            insert("0")
            async for event in stream.events(client):
                if event.name != "message":
                    continue
                number = int(event.data["message"])
                if number:
                    delays.append(time.perf_counter() - inserted)
                if number == 30:
                    break
                await asyncio.sleep(0.013 * (number % 7))
                inserted = time.perf_counter()
                insert(str(number + 1))
    delays.sort()
    print(f"insert to stream: median {1e3 * delays[15]:.0f} ms, worst {1e3 * delays[-1]:.0f} ms")
    assert stream.recording.messages == [str(number) for number in range(31)]
