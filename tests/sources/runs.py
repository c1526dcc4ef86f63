"""Runs of documented sources and recipes against a gateway, and what arrived of each."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
import rotel
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from tests.sources.recipes import Recipe, section
from tests.support.certificates import Authority
from tests.support.forked_process import forked
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.ports import free_port
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import attempts

__all__ = ["EXIT_CODE", "LINES", "Place", "run_otel", "run_recipe", "run_rotel", "run_shell", "running_place"]

TOKEN = make_token(scopes=("logs:write", "logs:read"))
LINES = 200
EXIT_CODE = 3
_MAKE = f'#!/bin/sh\necho compiling\necho "$1 has failed" >&2\nexit {EXIT_CODE}\n'


@dataclass(frozen=True)
class Place:
    """A gateway with TLS on the gRPC port, and a folder with the programs that snippets call."""

    gateway: GatewayProcess
    folder: Path
    authority: Path

    def literal(self, text: str) -> str:
        """A snippet as it is run: only the address of the example is another one."""
        text = text.replace("logs.example.com:9090", f"localhost:{self.gateway.grpc_port}")
        return text.replace("https://logs.example.com", self.gateway.url)

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What a snippet's process finds, and nothing of ours."""
        inherited = {name: os.environ[name] for name in ("LANG", "HOME") if name in os.environ}
        return {
            **inherited,
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": os.devnull,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.authority),
            "OTTO_TOKEN": TOKEN,
            **{name: self.literal(value) for name, value in variables.items()},
        }

    async def entries(self, task_id: str, count: int) -> list[dict[str, object]]:
        """The lines of a task, once so many are there."""
        async with httpx2.AsyncClient(base_url=self.gateway.url, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
            async for _ in attempts(f"{count} lines of {task_id}"):
                page = (await http.get(f"/api/v1/log-streaming/logs/{task_id}", params={"limit": 1000})).json()
                found: list[dict[str, object]] = page.get("entries", [])
                if len(found) >= count:
                    break
        return found


@contextlib.asynccontextmanager
async def running_place(folder: Path) -> AsyncIterator[Place]:
    """The place, and nothing of it afterwards."""
    authority = Authority(folder)
    certificate, key = authority.issue("localhost")
    programs = folder / "bin"
    programs.mkdir()
    launcher = " ".join(f"'{word}'" for word in forked("-m", "otto_logs"))
    for name, text in (("make", _MAKE), ("otto-logs", f'#!/bin/sh\nexec {launcher} "$@"\n')):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (programs / "rotel").symlink_to(Path(rotel.__file__).with_name("rotel-agent"))
    tls = {"GRPC_TLS_CERTIFICATE_FILE": str(certificate), "GRPC_TLS_KEY_FILE": str(key)}
    async with running_gateway(folder, JWT_SECRET=SECRET, **tls) as gateway:
        yield Place(gateway, programs, authority.certificate)


async def run_recipe(place: Place, recipe: Recipe) -> tuple[int, list[dict[str, object]]]:
    """The exit code, and the lines that arrived."""
    variables = {"OTTO_GATEWAY": "logs.example.com:9090", "OTTO_URL": "https://logs.example.com", **recipe.variables}
    code = await _run(place, [place.literal(word) for word in recipe.command], variables)
    return code, await place.entries(recipe.task, 2)


async def run_shell(place: Place, number: int) -> tuple[int, list[dict[str, object]]]:
    """A snippet of *A shell*, by its place in the page."""
    _, block = section("sources.md", "A shell")[number]
    code = await _run(place, ["bash", "-c", place.literal(block)], {})
    return code, await place.entries("build-7", 2 + number)


async def _run(place: Place, command: list[str], variables: Mapping[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, env=place.environment(variables), cwd=place.folder, stdout=sys.stderr, stderr=sys.stderr
    )
    return await process.wait()


async def run_otel(place: Place, protocol: str, *, endpoint: str = "") -> list[dict[str, object]]:
    """OpenTelemetry's SDK for Python with the variables that the page exports."""
    _, block = section("sources.md", "OpenTelemetry SDKs")[0]
    block = block.replace("otto.task_id=build-7", f"otto.task_id=otel-{protocol}")
    if protocol == "grpc":
        block += "export OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=grpc\n"
        block += "export OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://logs.example.com:9090\n"
    script = f"{place.literal(block)}\nenv -0 | grep -z ^OTEL_"
    output = subprocess.run(["bash", "-c", script], env=place.environment({}), capture_output=True, check=True).stdout
    variables = dict(each.split("=", 1) for each in output.decode().rstrip("\0").split("\0"))
    variables["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(place.authority)
    if endpoint:
        variables["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] = endpoint
        variables["OTEL_RESOURCE_ATTRIBUTES"] = "otto.task_id=rotel"
    await asyncio.to_thread(_emit, variables)
    return await place.entries(variables["OTEL_RESOURCE_ATTRIBUTES"].partition("=")[2], LINES)


def _emit(variables: Mapping[str, str]) -> None:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        is_grpc = variables["OTEL_EXPORTER_OTLP_LOGS_PROTOCOL"] == "grpc"
        provider = LoggerProvider(resource=Resource.create())
        provider.add_log_record_processor(BatchLogRecordProcessor(GrpcExporter() if is_grpc else HttpExporter()))
        logger = provider.get_logger("app")
        for number in range(LINES):
            record = LogRecord(timestamp=1_767_225_600_000_000_000 + number, body=f"line {number}")
            record.severity_number = SeverityNumber.WARN
            logger.emit(record)
        assert provider.force_flush()
        provider.shutdown()
    finally:
        os.environ.clear()
        os.environ.update(before)


async def run_rotel(place: Place) -> list[dict[str, object]]:
    """The collector as the page starts it, with a sender before it; only its own ports are other ones."""
    _, block = section("sources.md", "rotel")[0]
    grpc_port, http_port = free_port(), free_port()
    ports = f"--otlp-grpc-endpoint 127.0.0.1:{grpc_port} --otlp-http-endpoint 127.0.0.1:{http_port}"
    files = f"--pid-file {place.folder}/rotel.pid --log-file {place.folder}/rotel.log"
    command = f"exec {place.literal(block).rstrip()} {ports} {files}"
    process = subprocess.Popen(["bash", "-c", command], env=place.environment({}), cwd=place.folder, stdout=sys.stderr)
    try:
        async for _ in attempts("the collector listens"):
            with contextlib.suppress(OSError):
                (await asyncio.open_connection("127.0.0.1", http_port))[1].close()
                break
        return await run_otel(place, "http", endpoint=f"http://127.0.0.1:{http_port}/v1/logs")
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
