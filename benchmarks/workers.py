"""Workers as Otto has them: a line a message and an answer for each, and a viewer or two of each task."""

import asyncio
import json
import subprocess
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import go_programs
from benchmarks.processes import cpu_seconds, machine_busy_seconds, memory_peak_bytes
from benchmarks.scenarios import FOREIGN_SHARE_MAX
from benchmarks.servers import Load, Server, wait_for_rows

__all__ = ["WORKERS", "Workers", "work"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """One task and one gRPC connection for each worker.

    Attributes:
        tasks: workers.
        rate: lines a second of each; 0: as fast as they are answered, a thousand of them unanswered.
        lines: of each.
        viewers: of each task, over Server-Sent Events.
    """

    tasks: int
    rate: int = 0
    lines: int
    viewers: int = 1


WORKERS: Final = {
    "one": Workers(tasks=1, lines=20_000),
    "fifty": Workers(tasks=50, lines=1_000),
    "thin": Workers(tasks=300, rate=5, lines=50, viewers=2),
    "wide": Workers(tasks=1_000, rate=2, lines=20),
}


async def work(server: Server, workers: Workers) -> dict[str, float]:
    """Have everybody subscribe, then every worker send; what it cost the server, until the last line has arrived.

    Of the gateway that includes the rows of ``job_logs``. Latencies are from the moment at which a line was due.
    """
    async with server.start(Load(tasks=workers.tasks, readers=workers.viewers, lines=workers.lines)) as running:
        options = {
            "grpc": running.grpc_address,
            "http": f"127.0.0.1:{running.port}",
            "tasks": workers.tasks,
            "rate": workers.rate,
            "lines": workers.lines,
            "viewers": workers.viewers,
        }
        client = await asyncio.create_subprocess_exec(
            go_programs.LOAD,
            *(str(word) for name, value in options.items() for word in (f"-{name}", value)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert client.stdout is not None
        assert client.stdin is not None
        try:
            if await client.stdout.readline() != b"ready\n":
                raise RuntimeError("the load client could not subscribe")
            busy, cpu = machine_busy_seconds(), cpu_seconds(running.pid)
            client.stdin.write(b"\n")
            result: dict[str, Any] = json.loads(await client.stdout.readline())
            if running.gateway is not None:
                await wait_for_rows(running.gateway.database, result["lines"])
            cpu = cpu_seconds(running.pid) - cpu
            foreign = machine_busy_seconds() - busy - cpu - result["client_cpu_s"]
        finally:
            client.stdin.close()
            await client.wait()
        return {
            "cpu_us_per_line": cpu / result["lines"] * 1e6,
            "lines_per_s": result["lines_per_s"],
            "p50_ms": result["p50_ms"],
            "p99_ms": result["p99_ms"],
            "answer_p99_ms": result["ack_p99_ms"],
            "memory_mib": memory_peak_bytes(running.pid) / 2**20,
            "lost": result["lost"] + result["refused"] + result["disorder"],
            "disturbed": foreign > FOREIGN_SHARE_MAX * (result["seconds"] + 1),
        }
