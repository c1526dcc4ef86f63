"""Other people's programs, found on the machine and run beside the gateway."""

import asyncio
import contextlib
import functools
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx2
import pytest

from scripts.setup.machine import find
from scripts.setup.needs import NEEDS, NODE, NPM, Need, written
from tests.support.waiting import WAIT_SECONDS_MAX, time_limit, until

__all__ = ["NODE_DIRECTORY", "node_directory", "program", "run_node", "running_program", "start_node", "why_missing"]

NODE_DIRECTORY = Path(__file__).parents[1] / "node"
_NEEDS = {need.name: need for need in (*NEEDS, NODE, NPM)}
_PROGRAMS = {command[0]: need for need in reversed(_NEEDS.values()) for command in need.commands}
_TOGETHER = {"chromium": ("libatomic",), "gcc": ("the C library's headers",), "go": ("grpc-go",)}
"""What a program is of no use without."""


def program(name: str) -> str:
    """The path of a program that `make setup-tests` installs; skips the test where it is missing or too old."""
    reason = why_missing(name)
    if reason:
        pytest.skip(reason)
    return _found(_PROGRAMS[name])[0]


def why_missing(name: str) -> str:
    """What is missing of a program or too old; empty: all is there."""
    needs = [_PROGRAMS[name], *(_NEEDS[other] for other in _TOGETHER.get(name, ()))]
    return next(filter(None, (_found(need)[1] for need in needs)), "")


@functools.cache
def _found(need: Need) -> tuple[str, str]:
    """Its path, and why it will not do."""
    version, path = find(need)
    if need.is_met(version):
        return path, ""
    return path, f"needs {need}, here is {written(version) if version else 'none'}: `make setup-tests`"


@contextlib.asynccontextmanager
async def running_program(
    command: Sequence[str], directory: Path, *, ready_url: str = "", ready_port: int = 0
) -> AsyncIterator[Path]:
    """A server in the foreground, ready once ``ready_url`` answers at all, or its port takes connections.

    Yields the path of its output.
    """
    output = directory / f"{Path(command[0]).name}.log"
    with output.open("wb") as sink:
        process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
    try:
        async with httpx2.AsyncClient(verify=False) as client:

            async def answers() -> bool:
                if process.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended:\n{output.read_text(errors='replace')}")
                with contextlib.suppress(httpx2.TransportError, OSError):
                    if ready_url:
                        await client.get(ready_url)
                    else:
                        _, writer = await asyncio.open_connection("127.0.0.1", ready_port)
                        writer.close()
                    return True
                return False

            await until(answers, f"{command[0]} answers", shown=lambda: output.read_text(errors="replace"))
        yield output
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, WAIT_SECONDS_MAX)


def node_directory() -> Path:
    """Where the scripts for Node.js are, with their packages; skips the test where those are not installed."""
    if not (NODE_DIRECTORY / "node_modules").is_dir():
        pytest.skip("the packages of tests/node are not installed: `make setup-tests`")
    return NODE_DIRECTORY


async def start_node(script: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start a script of ``tests/node`` with pipes for stdin and stdout; stderr goes where pytest's does."""
    return await asyncio.create_subprocess_exec(
        program("node"),
        script,
        *arguments,
        cwd=node_directory(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 24,
    )


async def run_node(script: str, *arguments: str) -> str:
    """Run a script of ``tests/node`` to its end; its standard output.

    Raises:
        RuntimeError: it ended with another code than 0.
    """
    process = await start_node(script, *arguments)
    try:
        async with time_limit(f"node {script} ends"):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"node {script} ended with {process.returncode}:\n{output.decode(errors='replace')}")
    return output.decode()
