"""Other people's programs, found on the machine and run beside the gateway."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx2
import pytest

from tests.support.patience import PATIENCE_SECONDS, until, within_patience

__all__ = ["NODE_DIRECTORY", "program", "run_node", "running_program", "start_node"]

NODE_DIRECTORY = Path(__file__).parents[1] / "node"


def program(name: str) -> str:
    """The path of a program; skips the test where it is not installed (CI installs them all)."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@contextlib.asynccontextmanager
async def running_program(command: Sequence[str], directory: Path, *, ready_url: str) -> AsyncIterator[Path]:
    """A server in the foreground, ready once ``ready_url`` answers at all; yields the path of its output."""
    output = directory / f"{Path(command[0]).name}.log"
    with output.open("wb") as sink:
        process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
    try:
        async with httpx2.AsyncClient(verify=False) as client:

            async def answers() -> bool:
                if process.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended:\n{output.read_text(errors='replace')}")
                with contextlib.suppress(httpx2.TransportError):
                    await client.get(ready_url)
                    return True
                return False

            await until(answers, f"{command[0]} answers", shown=lambda: output.read_text(errors="replace"))
        yield output
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, PATIENCE_SECONDS)


async def start_node(script: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start a script of ``tests/node`` with pipes for stdin and stdout; stderr goes where pytest's does."""
    node = program("node")
    if not (NODE_DIRECTORY / "node_modules").is_dir():
        pytest.skip("run `npm ci` in tests/node, or `make test`")
    return await asyncio.create_subprocess_exec(
        node, script, *arguments, cwd=NODE_DIRECTORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 24
    )


async def run_node(script: str, *arguments: str) -> str:
    """Run a script of ``tests/node`` to its end; its standard output.

    Raises:
        RuntimeError: it ended with another code than 0.
    """
    process = await start_node(script, *arguments)
    try:
        async with within_patience(f"node {script} ends"):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"node {script} ended with {process.returncode}:\n{output.decode(errors='replace')}")
    return output.decode()
