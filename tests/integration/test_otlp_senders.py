"""What others send as OTLP: OpenTelemetry's SDK over each transport, directly and through a collector."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import httpx2
import pytest
import rotel
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource

from tests.support.gateway_log import trouble
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.ports import free_port
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import attempts

TOKEN = make_token(scopes=("logs:write", "logs:read"))
AUTHORIZATION = {"authorization": f"Bearer {TOKEN}"}
LINES = 300
IN_SPAN = (7, 163)
SPAN_ID = 0x00F067AA0BA902B7
TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def collector(gateway: GatewayProcess, protocol: str, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """A ``rotel`` that hands on what it gets; its ports of gRPC and HTTP."""
    grpc_port, http_port = free_port(), free_port()
    endpoint = f"http://{gateway.grpc_address}" if protocol == "grpc" else gateway.url
    command = [Path(rotel.__file__).with_name("rotel-agent"), "start", "--exporter", "otlp"]
    command += ["--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}", "--otlp-http-endpoint", f"127.0.0.1:{http_port}"]
    command += ["--otlp-exporter-endpoint", endpoint, "--otlp-exporter-protocol", protocol]
    command += ["--otlp-exporter-custom-headers", f"authorization=Bearer {TOKEN}", "--batch-timeout", "100ms"]
    process = subprocess.Popen([*command, "--pid-file", folder / "rotel.pid", "--log-file", folder / "rotel.log"])
    try:
        for port in (grpc_port, http_port):
            async for _ in attempts("the collector listens"):
                with contextlib.suppress(OSError):
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
        yield grpc_port, http_port
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


def emit(make_exporter: Callable[[], LogRecordExporter], task_id: str) -> None:
    """Log as a program does; the SDK gathers, compresses and sends in a thread of its own."""
    provider = LoggerProvider(resource=Resource.create({"otto.task_id": task_id, "otto.worker_id": "host-1"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(make_exporter(), schedule_delay_millis=50))
    logger = provider.get_logger("app")
    for number in range(LINES):
        attributes = {"number": number, "log.iostream": "stderr"}
        record = LogRecord(timestamp=1_767_225_600_000_000_000 + number, body=f"line {number}", attributes=attributes)
        record.severity_number = SeverityNumber.WARN
        record.trace_id = TRACE_ID
        record.span_id = SPAN_ID if number in IN_SPAN else 1
        logger.emit(record)
    assert provider.force_flush()
    provider.shutdown()


async def check_stored(gateway: GatewayProcess, task_id: str) -> None:
    """Everything is there, in order, with its fields."""
    async with httpx2.AsyncClient(base_url=gateway.url, headers=AUTHORIZATION) as http:
        async for _ in attempts("a collector has sent everything"):
            page = (await http.get(f"/api/v1/log-streaming/logs/{task_id}", params={"limit": LINES})).json()
            entries = page.get("entries", [])
            if len(entries) >= LINES:
                break
    assert [entry["message"] for entry in entries] == [f"line {number}" for number in range(LINES)]
    first = entries[0]
    assert (first["level"], first["source"], first["workerId"]) == ("WARN", "stderr", "host-1")
    assert first["timestamp"] == "2026-01-01T00:00:00.000000000Z"
    assert first["metadata"]["trace_id"] == f"{TRACE_ID:032x}"
    assert first["metadata"]["number"] == "0"
    await check_found_by_trace(gateway, task_id)


async def check_found_by_trace(gateway: GatewayProcess, task_id: str) -> None:
    """Both identifiers of a span choose its lines, in a page of the task and in a search of all."""
    logs = "/api/v1/log-streaming"
    wanted = {"filter": f"trace_id:{TRACE_ID:032X} span_id:{SPAN_ID:016x} worker:host-1"}
    async with httpx2.AsyncClient(base_url=gateway.url, headers=AUTHORIZATION) as http:
        page = (await http.get(f"{logs}/logs/{task_id}", params={**wanted, "limit": LINES})).json()
        assert [entry["message"] for entry in page["entries"]] == [f"line {number}" for number in IN_SPAN]
        found = (await http.get(f"{logs}/search", params={**wanted, "q": f"line {IN_SPAN[1]}"})).json()
        assert (task_id, f"line {IN_SPAN[1]}") in [
            (hit["entry"]["taskId"], hit["entry"]["message"]) for hit in found["hits"]
        ]


async def test_what_opentelemetry_sends_arrives(tmp_path: Path) -> None:
    """Python's SDK over gRPC and HTTP, compressed and not, and the same through a collector: whole and in order."""
    async with running_gateway(tmp_path, JWT_SECRET=SECRET) as gateway:
        address = f"http://{gateway.grpc_address}"
        logs = f"{gateway.url}/v1/logs"
        senders: dict[str, Callable[[], LogRecordExporter]] = {
            "grpc": lambda: GrpcExporter(address, insecure=True, headers=AUTHORIZATION),
            "grpc-gzip": lambda: GrpcExporter(
                address, insecure=True, headers=AUTHORIZATION, compression=grpc.Compression.Gzip
            ),
            "http": lambda: HttpExporter(logs, headers=AUTHORIZATION),
            "http-gzip": lambda: HttpExporter(logs, headers=AUTHORIZATION, compression=Compression.Gzip),
        }
        for task_id, make_exporter in senders.items():
            await asyncio.to_thread(emit, make_exporter, task_id)
            await check_stored(gateway, task_id)
        for protocol in ("grpc", "http"):
            async with collector(gateway, protocol, tmp_path) as (grpc_port, http_port):
                task_id = f"collector-{protocol}"
                if protocol == "grpc":
                    make_exporter = lambda port=http_port: HttpExporter(f"http://127.0.0.1:{port}/v1/logs")  # noqa: E731
                else:
                    make_exporter = lambda port=grpc_port: GrpcExporter(f"http://127.0.0.1:{port}", insecure=True)  # noqa: E731
                await asyncio.to_thread(emit, make_exporter, task_id)
                await check_stored(gateway, task_id)
        assert trouble(gateway.log()) == []
