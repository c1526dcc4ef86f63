"""The two C programs: the load client and the raw writer, compiled when they are needed."""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BUILD", "Subscribers", "Writer", "build"]

SOURCE = Path(__file__).with_name("native")
BUILD = Path(__file__).with_name("build")


def build() -> None:
    """Compile what is older than its source.

    Raises:
        subprocess.CalledProcessError: the compiler said no; its words are on stderr.
    """
    BUILD.mkdir(exist_ok=True)
    newest = max(path.stat().st_mtime for path in SOURCE.iterdir())
    for name in ("subscribers", "writer"):
        binary = BUILD / name
        if not binary.exists() or binary.stat().st_mtime < newest:
            compiler = os.environ.get("CC", "gcc")
            subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", binary, SOURCE / f"{name}.c"], check=True)


@dataclass(slots=True)
class Subscribers:
    """A running load client whose streams are all open."""

    process: asyncio.subprocess.Process

    @classmethod
    async def connect(
        cls, port: int, path: str, *, connections: int, tasks: int, lines: int, sample_every: int, seconds_max: float
    ) -> "Subscribers":
        """Open the streams; returns once every one was answered."""
        process = await _start("subscribers", port, path, connections, tasks, lines, sample_every, seconds_max)
        assert process.stdout is not None
        if await process.stdout.readline() != b"READY\n":
            raise RuntimeError("the load client could not open its streams")
        return cls(process)

    async def result(self) -> dict[str, Any]:
        """What arrived, once everything has or the time is up."""
        output, _ = await self.process.communicate()
        result: dict[str, Any] = json.loads(output)
        return result


@dataclass(slots=True)
class Writer:
    """The raw writer, waiting for its readers and then for ``go``."""

    process: asyncio.subprocess.Process

    @classmethod
    async def start(
        cls, port: int, *, connections: int, lines: int, lines_per_write: int, lines_per_second: int
    ) -> "Writer":
        """Start it; it listens once ``port`` can be connected to."""
        writer = cls(await _start("writer", port, connections, lines, lines_per_write, lines_per_second))
        async with asyncio.timeout(10):
            while True:
                try:
                    _, probe = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                probe.close()
                return writer

    async def go(self) -> None:
        """Let it write."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        await self.process.stdin.drain()

    async def stop(self) -> None:
        """Let it end, once its CPU time has been read."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


async def _start(name: str, *arguments: object) -> asyncio.subprocess.Process:
    command: Sequence[str] = [str(BUILD / name), *map(str, arguments)]
    return await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
