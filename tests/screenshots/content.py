"""What a gateway has seen on a working day, so that its pages have something to show."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio
import httpx2
from otto.logs.v1 import logs_pb2, logs_pb2_grpc

from tests.support.waiting import WAIT_SECONDS_MAX

__all__ = ["fill", "fill_alerts", "fill_queue"]

SEED = 20260131
WINDOW_LINES = 6
LEVELS = {
    "DEBUG": logs_pb2.LEVEL_DEBUG,
    "INFO": logs_pb2.LEVEL_INFO,
    "WARN": logs_pb2.LEVEL_WARN,
    "ERROR": logs_pb2.LEVEL_ERROR,
}


@dataclass(frozen=True)
class Build:
    """One task: how long it took, how it ended (None: it has not), and what its workers say."""

    task_id: str
    minutes_ago: float
    seconds: float
    status: str | None
    lines: int
    workers: Sequence[str]


BUILDS = (
    Build("deploy-staging-0412", 205, 96, "completed", 640, ("deployer",)),
    Build("nightly-model-eval", 180, 1650, "completed", 5200, ("gpu-1", "gpu-2", "gpu-3", "gpu-4")),
    Build("web-frontend-2207", 64, 148, "failed", 1840, ("linter", "bundler", "tests-1", "tests-2")),
    Build("web-frontend-2208", 52, 171, "completed", 2110, ("linter", "bundler", "tests-1", "tests-2")),
    Build("gateway-linux-x64-0931", 41, 388, "completed", 6400, ("compiler", "tests-1", "tests-2", "packager")),
    Build("gateway-linux-arm64-0931", 40, 512, "failed", 4120, ("compiler", "tests-1")),
    Build("render-queue/video-118", 22, 260, "completed", 980, ("renderer",)),
    Build("docs-preview-77", 14, 21, "completed", 132, ("builder",)),
    Build("gateway-linux-x64-0932", 6, 330, None, 3900, ("compiler", "tests-1", "tests-2")),
    Build("web-frontend-2209", 2, 100, None, 870, ("linter", "bundler", "tests-1", "tests-2")),
)
SAYINGS: dict[str, Sequence[str]] = {
    "DEBUG": (
        "cache hit for object {n:04x}",
        "reusing the artifact of step {n}",
        "environment unchanged since step {n}",
    ),
    "INFO": (
        "\x1b[32mCompiling\x1b[0m unit {n} of 640",
        "test session::resume::case_{n} \x1b[32mok\x1b[0m",
        "linked target/release/part-{n}",
        "copied asset {n}.png (48 kB)",
        "downloading chunk {n}",
    ),
    "WARN": (
        "unused variable `attempt` in session.rs:{n}",
        "retrying the upload of part {n} after a timeout",
        "chunk {n} is larger than 500 kB",
    ),
    "ERROR": (
        "test session::resume::case_{n} \x1b[31mfailed\x1b[0m: expected 3 lines, got 2",
        "connection reset by peer while pushing layer {n}",
    ),
}


FAILURE = (
    "Traceback (most recent call last):",
    '  File "tests/test_session.py", line 88, in test_resume',
    "    assert received == expected, 'a line is missing behind the gap'",
    "AssertionError: a line is missing behind the gap",
    "assert [1, 2, 4] == [1, 2, 3, 4]",
    "  At index 2 diff: 4 != 3",
)
"""The last whole window of a build that fails: one event."""


async def fill(grpc_address: str, url: str) -> None:
    """Send builds over gRPC, and executions over HTTP."""
    source = random.Random(SEED)
    async with grpc.aio.insecure_channel(grpc_address) as channel:
        for build in BUILDS:
            await _publish(channel, build, source)
    async with httpx2.AsyncClient(base_url=url, timeout=WAIT_SECONDS_MAX) as http:

        async def send(reports: Sequence[dict[str, Any]]) -> None:
            for report in reports:
                (await http.post("/api/logs/node-execution", json=report)).raise_for_status()

        await asyncio.gather(*map(send, _executions(source)))
        for number in range(14):
            body = {"status": "error" if number % 6 == 0 else "success", "execution_time_ms": 900 + 40 * number}
            (await http.post(f"/api/scripts/script-{number % 4}/execution-record", json=body)).raise_for_status()


async def fill_queue(url: str) -> str:
    """Hand over automation tasks: one that stays at its last stage, whose id this is, and two for later."""
    async with httpx2.AsyncClient(base_url=url, timeout=WAIT_SECONDS_MAX) as http:
        return await _automate(http)


async def fill_alerts(url: str) -> int:
    """Wait for the incidents of the builds, and mute one; the number of another one, of several lines."""
    async with httpx2.AsyncClient(base_url=f"{url}/api/v1/alerts", timeout=WAIT_SECONDS_MAX) as http:
        rule = {"name": "out-of-memory", "filter": "OutOfMemory -test", "tasks": "gateway-*", "notify": ["team"]}
        (await http.post("/rules", json={"rule": rule})).raise_for_status()
        while True:
            found = (await http.get("/incidents?state=open")).raise_for_status().json()["incidents"]
            if {"web-frontend-2209", "gateway-linux-x64-0932"} <= {each["key"] for each in found}:
                break
            await asyncio.sleep(0.2)
        muted = next(each["id"] for each in found if each["key"] == "gateway-linux-x64-0932")
        (await http.post(f"/incidents/{muted}/mute", json={"minutes": 240})).raise_for_status()
        return int(next(each["id"] for each in reversed(found) if each["rule"] == "flaky-network"))


async def _automate(http: httpx2.AsyncClient) -> str:
    week = {"scheduled_time": "2030-01-07T06:00:00Z", "repeat_type": "weekly", "timezone": "Asia/Seoul"}
    for title in ("News of the week", "Tools we like"):
        task: dict[str, object] = {"title": title, "type": "shortform", "schedule": week}
        (await http.post("/api/automation/tasks", json=task)).raise_for_status()
    task = {"title": "Street food in Busan", "type": "longform", "settings": {"language": "ko", "hold": True}}
    held: str = (await http.post("/api/automation/tasks", json=task)).raise_for_status().json()["taskId"]
    while True:
        state = (await http.get(f"/api/automation/tasks/{held}")).raise_for_status().json()
        if state["progress"]["stages"][-1]["status"] == "RUNNING":
            return held
        await asyncio.sleep(0.2)


async def _publish(channel: grpc.aio.Channel, build: Build, source: random.Random) -> None:
    start = time.time() - 60 * build.minutes_ago
    levels = source.choices(
        ["DEBUG", "INFO", "WARN", "ERROR"], [14, 80, 5, 1 if build.status == "failed" else 0.1], k=build.lines
    )
    items = []
    for first in range(0, build.lines, WINDOW_LINES):
        lines: list[logs_pb2.Line] = []
        for number, level in enumerate(levels[first : first + WINDOW_LINES], first + 1):
            said = source.choice(SAYINGS[level]).format(n=number)
            if number % 150 == 135:
                said = f"::group::Package {number // 150 + 1}"
            event = number - _failure_start(build)
            metadata = {}
            if 0 <= event < WINDOW_LINES:
                said, level = FAILURE[event], "ERROR"
                metadata = {"eventLine": str(event + 1)} if event else {}
            at = int((start + build.seconds * number / build.lines) * 1e9)
            line = logs_pb2.Line(message=said.encode(), level=LEVELS[level], time_unix_nano=at, metadata=metadata)
            lines.append(line)
        batch = logs_pb2.LineBatch(task_id=build.task_id, worker_id=source.choice(build.workers), lines=lines)
        items.append(logs_pb2.PublishRequest(lines=batch))
    items += [logs_pb2.PublishRequest(stage_progress=stage) for stage in _stages(build)]
    if build.status is not None:
        end = logs_pb2.EndOfTask(task_id=build.task_id, failed=build.status == "failed")
        items.append(logs_pb2.PublishRequest(end_of_task=end))

    async def requests() -> AsyncIterator[logs_pb2.PublishRequest]:
        yield logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id=str(uuid.uuid4()), agent="screenshots"))
        for number, item in enumerate(items, 1):
            item.number = number
            yield item

    async for _ in logs_pb2_grpc.LogIngestServiceStub(channel).Publish(requests()):
        await asyncio.sleep(0)


def _failure_start(build: Build) -> int:
    """The number of the line with which the failure begins; one that never comes for a build that does not fail."""
    return (
        build.lines // WINDOW_LINES * WINDOW_LINES - WINDOW_LINES + 1 if build.status == "failed" else build.lines + 1
    )


def _stages(build: Build) -> list[logs_pb2.StageProgress]:
    """One that runs tells how far it is: one stage over, one half, one to come. One that failed did in its last."""
    now = time.time_ns()
    if build.status == "failed":
        start = now - int(60e9 * build.minutes_ago)
        parts = (("prepare", 0.0, 0.12), ("compile", 0.12, 0.8), ("test", 0.8, 1.0))
        return [
            logs_pb2.StageProgress(
                pipeline_id=build.task_id,
                stage_id=stage,
                status=logs_pb2.STAGE_STATUS_FAILED if stage == "test" else logs_pb2.STAGE_STATUS_COMPLETED,
                progress_percentage=100,
                time_unix_nano=start + int(1e9 * build.seconds * end),
                started_unix_nano=start + int(1e9 * build.seconds * begin),
                completed_unix_nano=start + int(1e9 * build.seconds * end),
            )
            for stage, begin, end in parts
        ]
    if build.status is not None:
        return []
    return [
        logs_pb2.StageProgress(
            pipeline_id=build.task_id, stage_id=stage, status=status, progress_percentage=percentage, time_unix_nano=now
        )
        for stage, status, percentage in (
            ("prepare", logs_pb2.STAGE_STATUS_COMPLETED, 100),
            ("compile", logs_pb2.STAGE_STATUS_RUNNING, 20 + len(build.workers) * 12),
            ("test", logs_pb2.STAGE_STATUS_PENDING, 0),
        )
    ]


NODES = (
    ("load", "Load the recipe", "io", 180),
    ("check", "Check the inputs", "condition", 40),
    ("fetch-a", "Fetch the catalogue", "http", 1400),
    ("fetch-b", "Fetch the prices", "http", 900),
    ("join", "Join prices to items", "transform", 350),
    ("score", "Score the items", "model", 2600),
    ("filter", "Keep the best 200", "transform", 60),
    ("write", "Write the report", "io", 420),
    ("notify", "Tell the channel", "http", 260),
)


def _executions(source: random.Random) -> list[list[dict[str, Any]]]:
    """Reports of node runs by execution; the last one is still running."""
    executions = []
    now = int(time.time() * 1000)
    for number in range(30, 0, -1):
        at = now - number * 23 * 60_000 + source.randint(0, 9 * 60_000)
        executions.append(_execution(f"run-{4100 - number}", at, source, fails_at="score" if number % 7 == 3 else None))
    executions.append(_execution("run-4100", now - 4_600, source, fails_at=None, until="score"))
    return executions


def _execution(
    execution_id: str, at: int, source: random.Random, *, fails_at: str | None, until: str | None = None
) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = []
    slow = source.uniform(0.7, 1.5)
    for node, name, kind, usual in NODES:
        for turn in range(3 if node == "score" else 1):
            took = round(usual * slow * source.uniform(0.6, 1.5) / (3 if node == "score" else 1))
            started = at - (usual // 2 if node == "fetch-b" else 0)
            report: dict[str, Any] = {
                "execution_id": execution_id,
                "script_id": "price-report" if source.random() < 0.7 else "price-report-eu",
                "node_id": node,
                "node_name": name,
                "node_type": kind,
                "status": "running",
                "started_at": started,
                "parameters": {"batch": turn + 1, "of": 3, "items": 4180, "source": f"catalogue/{execution_id}.json"},
            }
            if until == node and turn == 1:
                return [*reports, report]
            fails = fails_at == node and turn == 1
            reports.append(
                report
                | {
                    "status": "failed" if fails else "completed",
                    "finished_at": started + took,
                    "execution_time_ms": took,
                }
            )
            if fails:
                reports[-1]["error_message"] = "ValueError: 12 items have no price"
                reports[-1]["error_traceback"] = TRACEBACK
                return reports
            reports[-1]["result"] = {"items": 4180 - 7 * turn, "seconds": took / 1000, "cached": turn == 0}
            at = max(at, started + took + 12)
    return reports


TRACEBACK = """Traceback (most recent call last):
  File "/srv/recipes/price_report/nodes.py", line 88, in execute
    scores = score(items, prices)
  File "/srv/recipes/price_report/score.py", line 31, in score
    raise ValueError(f"{len(missing)} items have no price")
ValueError: 12 items have no price"""
