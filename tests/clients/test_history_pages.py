"""``otto-logs tasks``, ``search`` and ``why`` against a gateway."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from otto_logs import OttoLogsError, read_summary

from tests.support.commands import Ended, otto_logs
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.signed_tokens import SECRET, make_token
from tests.support.worker import publish

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("history pages")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    async with running_gateway(tmp_path_factory.mktemp("gateway"), JWT_SECRET=SECRET) as gateway:
        token = make_token(scopes=("logs:write",))
        for task, lines in (
            ("build-1", ["one", "a needle\nof two lines", "three"]),
            ("build-2", [f"line {number}" for number in range(1, 1001)]),
            ("빌드 3", ["a Needle again"]),
        ):
            await publish(gateway.grpc_address, task, lines, end=task == "build-1", token=token)
        yield gateway


async def ask(gateway: GatewayProcess, *arguments: str, **claims: Any) -> Ended:
    environment = {"OTTO_URL": gateway.url, "OTTO_TOKEN": make_token(**{"scopes": ("logs:read",)} | claims)}
    return await otto_logs(*arguments, environment=environment)


async def test_tasks_are_listed(gateway: GatewayProcess) -> None:
    """A row each, the newest first."""
    ended = await ask(gateway, "tasks")
    head, *rows = ended.stdout.decode().splitlines()
    assert (ended.code, ended.stderr) == (0, "")
    assert head.split() == ["STATUS", "LINES", "WARN", "ERROR", "LAST", "LINE", "TASK"]
    assert [row.split()[0] for row in rows] == ["RUNNING", "RUNNING", "COMPLETED"]
    assert [row.split("  ")[-1] for row in rows] == ["빌드 3", "build-2", "build-1"]
    assert rows[1].split()[1:4] == ["1,000", "0", "0"]


async def test_tasks_are_narrowed(gateway: GatewayProcess) -> None:
    """By a part of their name and by their status; nothing is said as such."""
    named = await ask(gateway, "tasks", "BUILD", "--status", "completed", "--json")
    assert [json.loads(line)["taskId"] for line in named.stdout.splitlines()] == ["build-1"]
    assert len((await ask(gateway, "tasks", "--limit", "2", "--json")).stdout.splitlines()) == 2
    assert (await ask(gateway, "tasks", "--label", "repo=shop", "--json")).stdout == b""
    assert (await ask(gateway, "tasks", "--label", "repo")).code == 2
    none = await ask(gateway, "tasks", "nobody")
    assert (none.code, none.stdout, none.stderr) == (0, b"", "otto-logs: no task matches\n")


async def test_a_text_is_found_in_all_tasks(gateway: GatewayProcess) -> None:
    """With its line's number, in any case; the end says how much was looked through."""
    ended = await ask(gateway, "search", "needle")
    assert ended.code == 0
    lines = ended.stdout.decode().splitlines()
    assert [line[:9] for line in lines] == ["빌드 3", "      1: ", "", "build-1", "      2: ", " " * 9]
    assert lines[1].endswith("INFO  worker-1  a Needle again")
    assert ended.stderr == "otto-logs: 2 matches in 2 tasks, of 3 tasks with 1,004 lines\n"


async def test_a_search_has_context_filters_and_a_limit(gateway: GatewayProcess) -> None:
    """What stands around a match has another mark; where there may be more, that is said."""
    around = await ask(gateway, "search", "line 500", "--context", "1")
    assert [line[:8] for line in around.stdout.decode().splitlines()] == ["build-2", "    499-", "    500:", "    501-"]
    few = await ask(gateway, "search", "line", "--limit", "2", "--level", "INFO", "--json")
    assert [json.loads(line)["entry"]["sequence"] for line in few.stdout.splitlines()] == [1000, 999]
    assert few.stderr.startswith("otto-logs: 2 matches in 1 task, after ")
    assert "there may be more" in few.stderr
    none = await ask(gateway, "search", "needle", "--level", "FATAL")
    assert (none.code, none.stdout) == (1, b"")
    assert none.stderr.startswith("otto-logs: 0 matches, of ")


async def test_one_sees_what_the_token_covers(gateway: GatewayProcess) -> None:
    """And nothing of the others, names included."""
    assert b"build-1" not in (await ask(gateway, "tasks", tasks=["build-2"])).stdout
    assert (await ask(gateway, "search", "needle", tasks=["build-2"])).code == 1


@pytest.mark.parametrize("arguments", [("tasks",), ("search", "x")])
async def test_trouble_is_one_sentence(gateway: GatewayProcess, arguments: tuple[str, ...]) -> None:
    """A refusal says why, and a gateway that is away is told at once; each with its exit code."""
    refused = await ask(gateway, *arguments, scopes=("logs:write",))
    assert (refused.code, refused.stderr.count("\n")) == (3, 1)
    assert "logs:read" in refused.stderr
    for url, code in (("http://127.0.0.1:9", 4), ("nonsense", 2)):
        ended = await otto_logs(*arguments, "--url", url)
        assert (ended.code, ended.stderr.count("\n")) == (code, 1), ended.stderr
    assert (await ask(gateway, "tasks", "--status", "ODD")).code == 3


async def test_a_failed_run_says_why(gateway: GatewayProcess) -> None:
    """``run`` reports what ``why`` tells: command, exit code, cause and labels, as text and as JSON."""
    script = "echo starting; echo 'a.c:3:5: error: no' >&2; exit 2"
    environment = {
        "OTTO_GATEWAY": gateway.grpc_address,
        "OTTO_URL": gateway.url,
        "OTTO_TOKEN": make_token(scopes=("logs:write",)),
    }
    run = ("run", "--task", "build-why", "--worker", "vm", "--label", "repo=shop", "--", "sh", "-c", script)
    assert (await otto_logs(*run, environment=environment)).code == 2
    told = (await ask(gateway, "why", "build-why")).stdout.decode()
    summary = json.loads((await ask(gateway, "why", "build-why", "--json")).stdout)

    assert told.startswith("# build-why: FAILED (exit code 2)\n`sh -c ")
    assert "## Likely cause (compiler, vm, line" in told
    assert (summary["exitCode"], summary["labels"]["repo"]) == (2, "shop")
    assert summary["cause"]["lines"] == ["a.c:3:5: error: no"]
    unknown = await ask(gateway, "why", "nobody")
    assert unknown.code == 3
    assert "no lines of task 'nobody' are stored" in unknown.stderr


async def test_a_summary_is_for_programs_too(gateway: GatewayProcess) -> None:
    """``read_summary`` is the document; what the gateway refuses is an error."""
    token = make_token(scopes=("logs:read",))
    summary = await asyncio.to_thread(read_summary, "build-2", url=gateway.url, token=token)

    assert (summary["status"], summary["lines"], summary["cause"]) == ("RUNNING", 1000, None)
    with pytest.raises(OttoLogsError, match="no lines of task"):
        await asyncio.to_thread(read_summary, "nobody", url=gateway.url, token=token)
