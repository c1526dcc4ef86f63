"""The two C programs: the load client and the raw writer, compiled when they are needed."""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BUILD", "Subscribers", "build"]

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
        cls,
        port: int,
        *,
        protocol: str = "sse",
        path: str = "",
        header: str = "",
        connections: int,
        tasks: int,
        lines: int,
        sample_every: int,
        seconds_max: float,
    ) -> "Subscribers":
        """Open the streams; returns once every one was answered. See ``native/subscribers.c``."""
        command: Sequence[object] = (
            BUILD / "subscribers",
            *(protocol, port, path, connections, tasks, lines, sample_every, seconds_max, header),
        )
        process = await asyncio.create_subprocess_exec(*map(str, command), stdout=subprocess.PIPE)
        assert process.stdout is not None
        if await process.stdout.readline() != b"READY\n":
            raise RuntimeError("the load client could not open its streams")
        return cls(process)

    async def result(self) -> dict[str, Any]:
        """What arrived, once everything has or the time is up."""
        output, _ = await self.process.communicate()
        result: dict[str, Any] = json.loads(output)
        return result

    async def stop(self) -> None:
        """End it, whatever it has."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
