"""The JavaScript client, built, in a Node process of its own that does what it is told."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from otto.logs.v1 import logs_pb2

from tests.support.gateway_process import GatewayProcess
from tests.support.producers import NativeProducer
from tests.support.programs import program
from tests.support.waiting import time_limit

__all__ = ["JS_PACKAGE", "JsClient", "built_package", "bundled", "numbered", "report_stages", "running_js_client"]

JS_PACKAGE = Path(__file__).parents[2] / "clients" / "js"
DRIVER = Path(__file__).parents[1] / "clients" / "js" / "driver.js"


def built_package() -> Path:
    """Where the built package is; skips the test where it was not built."""
    if not (JS_PACKAGE / "dist" / "index.js").exists():
        pytest.skip("clients/js is not built: `make setup-tests`")
    return JS_PACKAGE / "dist"


async def bundled(source: Path, *, from_sources: bool = True) -> str:
    """An application as one script, with the libraries that the package is tested with.

    Args:
        source: its first module.
        from_sources: ``otto-logs`` is what is in ``src``; else what is installed beside the application.
    """
    built_package()
    modules = JS_PACKAGE / "node_modules"
    aliases = {name: str(modules / name) for name in ("react", "react-dom", "vue", "socket.io-client")}
    if from_sources:
        aliases["otto-logs"] = str(JS_PACKAGE / "src")
    command = [
        str(JS_PACKAGE / "node_modules/.bin/esbuild"),
        str(source),
        "--bundle",
        "--format=iife",
        "--jsx=automatic",
        '--define:process.env.NODE_ENV="development"',
        *(f"--alias:{name}={target}" for name, target in aliases.items()),
        "--log-level=error",
    ]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


class JsClient:
    """Tells the driver what to do, and keeps what it says: ``(stream, event, value)``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[tuple[str, str, Any]] = []

    def tell(self, *command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read what it says until the condition holds."""
        assert self._process.stdout is not None
        async with time_limit("the client says so", shown=lambda: self.said[-5:]):
            while not condition():
                line = await self._process.stdout.readline()
                assert line, f"the client has ended; it said {self.said[-5:]}"
                name, event, value = json.loads(line)
                self.said.append((name, event, value))

    async def hear(self, stream: str, event: str, **fields: Any) -> Any:
        """Wait for an event, from now on or before; the value of the last one with these fields."""
        found: list[Any] = []

        def is_there() -> bool:
            found[:] = [value for value in self.values(stream, event) if fields.items() <= value.items()]
            return bool(found)

        await self.until(is_there)
        return found[-1]

    async def hear_any(self, stream: str, event: str) -> Any:
        """Wait for an event whose value is no object; the value of the last one."""
        await self.until(lambda: bool(self.values(stream, event)))
        return self.values(stream, event)[-1]

    async def lines(self, stream: str, count: int) -> list[str]:
        """All messages of a stream, once there are so many."""
        await self.until(lambda: sum(map(len, self.values(stream, "entries"))) >= count)
        return [message for batch in self.values(stream, "entries") for message in batch]

    def values(self, stream: str, event: str) -> list[Any]:
        return [value for name, kind, value in self.said if (name, kind) == (stream, event)]


@contextlib.asynccontextmanager
async def running_js_client() -> AsyncIterator[JsClient]:
    """A client that is gone afterwards."""
    built_package()
    process = await asyncio.create_subprocess_exec(
        program("node"), str(DRIVER), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24
    )
    try:
        yield JsClient(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def numbered(first: int, last: int) -> list[str]:
    """Lines that are all different."""
    return [f"compiling unit {number} ✓" for number in range(first, last + 1)]


async def report_stages(gateway: GatewayProcess, producer_id: str, *stages: tuple[str, int]) -> None:
    """Report how far stages of the pipeline ``nightly`` are, in percent."""
    async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
        producer = NativeProducer(channel)
        await producer.hello(producer_id)
        for number, (stage, percent) in enumerate(stages, 1):
            progress = logs_pb2.StageProgress(
                pipeline_id="nightly", stage_id=stage, status="STAGE_STATUS_RUNNING", progress_percentage=percent
            )
            await producer.send(logs_pb2.PublishRequest(number=number, stage_progress=progress))
        await producer.acknowledged(len(stages))
