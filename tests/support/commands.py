"""Our commands as real processes."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

__all__ = ["Ended", "otto_logs", "start_otto_logs"]


@dataclass(frozen=True)
class Ended:
    """What is left of a process."""

    code: int
    stdout: bytes
    stderr: str


async def start_otto_logs(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = asyncio.subprocess.DEVNULL,
    stderr: int | IO[bytes] = asyncio.subprocess.PIPE,
    program: Sequence[str] = ("-m", "otto_logs"),
) -> asyncio.subprocess.Process:
    """Start ``otto-logs``, away from any terminal; ``program`` is what Python is to run in its place."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTTO_", "JWT_"))}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        *arguments,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env={**inherited, **(environment or {})},
        start_new_session=True,
        limit=16 * 1024 * 1024,
    )


async def otto_logs(*arguments: str, input: bytes | None = None, **options: Mapping[str, str]) -> Ended:  # noqa: A002
    """Run ``otto-logs`` to its end."""
    stdin = asyncio.subprocess.DEVNULL if input is None else asyncio.subprocess.PIPE
    process = await start_otto_logs(*arguments, stdin=stdin, **options)
    stdout, stderr = await process.communicate(input)
    assert process.returncode is not None
    return Ended(process.returncode, stdout, stderr.decode())
