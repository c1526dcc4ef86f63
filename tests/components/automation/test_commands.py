"""``otto-gateway automation``, as a user of the command line meets it."""

import asyncio
import json
import re
import shlex
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from components.automation.commands import automation
from tests.support.commands import on_terminal
from tests.support.forked_process import KILL, OTTO_GATEWAY, forked
from tests.support.gateway_process import running_gateway

# Stays the first time, and ends well the second time.
_ONCE = """
import pathlib, sys, time
mark = pathlib.Path("here")
if not mark.exists():
    mark.touch()
    print("works", flush=True)
    time.sleep(600)
print("done")
"""


@pytest.fixture
def otto(tmp_path: Path) -> Callable[..., str]:
    """Runs a command on a database; what it printed, or how it refused."""

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(automation, [*arguments, "--database", f"sqlite:///{tmp_path}/queue.db"])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.output.strip()

    return run


def test_a_scheduled_task_from_its_adding_to_its_deleting(otto: Callable[..., str]) -> None:
    """Each command says what it did."""
    when = ("--at", "2099-01-31T09:00", "--timezone", "Asia/Seoul", "--repeat", "monthly")
    task_id = otto("add", "Bread", "--settings", '{"mediaMode": "crawl"}', *when)
    assert otto("list") == f"{task_id}  schedule waiting      Bread"
    assert "next run 2099-01-31 00:00:00 UTC, monthly" in otto("show", task_id)
    assert otto("retry", task_id).endswith("is under way, or its last stage has not failed")
    stopped = {"success": True, "stoppedProcessing": 0, "deletedWaiting": 1, "killedProcesses": []}
    assert json.loads(otto("stop", task_id)) == stopped
    assert "last error: 사용자가 작업을 중지했습니다" in otto("show", task_id)
    assert otto("list").split() == [task_id, "stopped", "Bread"]
    assert json.loads(otto("retry", task_id))["queueType"] == "schedule"
    assert otto("delete", task_id) == ""
    assert otto("show", task_id) == f"Error: there is no task {task_id}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--settings", "{"), "--settings: it is not JSON"),
        (("--settings", "[]"), "--settings: give a JSON object"),
        (("--settings", '{"mediaMode": "magic"}'), "--settings: mediaMode must be one of crawl, upload"),
        (("--at", "soon"), "--at: give a time such as"),
        (("--timezone", "Mars/Base"), "--timezone: 'Mars/Base' is no time zone"),
    ],
)
def test_what_cannot_be_added_is_named(otto: Callable[..., str], wrong: tuple[str, str], said: str) -> None:
    """With what would be right."""
    assert said in otto("add", "Bread", *wrong)


@pytest.mark.slow
async def test_a_process_of_its_own_is_killed_and_the_next_one_goes_on(
    otto: Callable[..., str], tmp_path: Path
) -> None:
    """Its lines are in the gateway's stream as any producer's; what the dead one ran is taken up as a retry."""
    stage = shlex.join([sys.executable, "-S", "-c", _ONCE])
    commands = {f"AUTOMATION_{name}_COMMAND": stage for name in ("SCRIPT", "VIDEO", "YOUTUBE")}
    program = forked(OTTO_GATEWAY, "automation", "run")
    path = tmp_path / "queue.db"
    async with running_gateway(tmp_path / "gateway", DURABILITY="process") as gateway:

        async def start() -> asyncio.subprocess.Process:
            where = ("--database", f"sqlite:///{path}", "--tasks-dir", str(tmp_path / "tasks"), "--metrics-port", "0")
            return await asyncio.create_subprocess_exec(
                *(*program, *where, "--gateway", gateway.grpc_address),
                env=gateway.environment | commands,
                stderr=asyncio.subprocess.PIPE,
            )

        task_id = await asyncio.to_thread(otto, "add", "Bread")
        first = await start()
        stream = f"{gateway.url}/api/v1/log-streaming/logs/{task_id}/stream"
        async with httpx2.AsyncClient() as client, client.stream("GET", stream) as response:
            lines = response.aiter_lines()
            await anext(line async for line in lines if '"works"' in line)
            first.send_signal(KILL)
            await first.wait()
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("UPDATE scheduler_lock SET expires_at = '2000-01-01 00:00:00'")
            second = await start()
            assert second.stderr is not None
            address = re.search(rb"http://\S+", await second.stderr.readline())
            assert address is not None
            rest = [line async for line in lines]
            metrics = (await client.get(address[0].decode())).text.split("\n")
        second.terminate()
        assert await second.wait() == 0
    assert any("the scheduler that ran this stage died" in line for line in rest)
    assert any('"COMPLETED"' in line for line in rest)
    assert 'otto_automation_taken_up_total{stage="script"} 1.0' in metrics
    assert "100 %" in await asyncio.to_thread(otto, "show", task_id)


@pytest.mark.slow
async def test_what_a_task_has_logged_cannot_use_the_terminal(tmp_path: Path) -> None:
    """``show`` and ``list`` on a terminal have a picture in place of each control character."""
    hostile = "\x1b]52;c;cm0gLXJm\x07\x9b2Jforged"
    database = ("--database", f"sqlite:///{tmp_path}/queue.db")
    task_id = CliRunner().invoke(automation, ["add", "Bread", *database]).output.strip()
    with closing(sqlite3.connect(tmp_path / "queue.db")) as connection, connection:
        connection.execute("UPDATE tasks SET title = ?, last_error = ?", (hostile, hostile))
        connection.execute("INSERT INTO task_logs (task_id, level, message) VALUES (?, 'info', ?)", (task_id, hostile))
    program = ("-c", "from gateway.commands.main import main; main()", "automation")
    for command, times in ((("show", task_id), 3), (("list",), 1)):
        ended = await on_terminal(*command, *database, program=program)
        assert ended.stdout.decode().count("forged") == times
        assert not {"\x1b", "\x07", "\x9b"} & set(ended.stdout.decode())
