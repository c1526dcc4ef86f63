"""Our commands as real processes."""

import asyncio
import os
import tty
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.forked_process import OTTO_GATEWAY, forked

__all__ = ["Ended", "on_terminal", "otto_gateway", "otto_logs", "start_otto_logs"]


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
    stdout: int = asyncio.subprocess.PIPE,
    stderr: int | IO[bytes] = asyncio.subprocess.PIPE,
    program: Sequence[str] = ("-m", "otto_logs"),
) -> asyncio.subprocess.Process:
    """Start ``otto-logs``, away from any terminal; ``program`` is what Python is to run in its place."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTTO_", "JWT_"))}
    return await asyncio.create_subprocess_exec(
        *forked(*program, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env={**inherited, "XDG_CACHE_HOME": os.devnull, **(environment or {})},  # nothing is remembered there
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


async def otto_gateway(database: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command of ``otto-gateway`` on a database; its exit code and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *forked(OTTO_GATEWAY, *arguments),
        env={**os.environ, "DATABASE_URL": f"sqlite:///{database}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return process.returncode, stdout.decode(), stderr.decode()


async def on_terminal(
    *arguments: str, environment: Mapping[str, str] | None = None, program: Sequence[str] = ("-m", "otto_logs")
) -> Ended:
    """Run ``otto-logs``, or another program, whose stdout is a terminal, to its end."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    process = await start_otto_logs(*arguments, environment=environment, stdout=theirs, program=program)
    os.close(theirs)
    shown, (_, stderr) = await asyncio.gather(asyncio.to_thread(_read_terminal, ours), process.communicate())
    assert process.returncode is not None
    return Ended(process.returncode, shown, stderr.decode())


def _read_terminal(descriptor: int) -> bytes:
    shown = b""
    try:
        while data := os.read(descriptor, 65536):
            shown += data
    except OSError:  # Linux says EIO once the last writer has closed the terminal
        pass
    finally:
        os.close(descriptor)
    return shown
