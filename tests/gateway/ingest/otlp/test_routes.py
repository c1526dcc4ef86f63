"""OTLP over HTTP."""

import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
import zstandard
from google.protobuf.json_format import MessageToDict
from google.rpc import status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from gateway.auth.authenticator import TokenAuthenticator
from gateway.http.application import http_application
from gateway.ingest.limits import IngestLimits
from gateway.ingest.otlp.routes import otlp_routes
from tests.support.http_server import serve as serve_http
from tests.support.otlp import export_request, log_record
from tests.support.watched_journal import WatchedJournal

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json; charset=utf-8"}
BYTES_MAX = 1 << 20


@pytest.fixture(params=["h2"])
def carrier(request: pytest.FixtureRequest) -> str:
    """HTTP does not depend on what carries gRPC."""
    return str(request.param)


@pytest.fixture
async def http(serve: Any) -> AsyncIterator[httpx2.AsyncClient]:
    server, _ = await serve(IngestLimits(otlp_bytes_max=BYTES_MAX))
    routes = otlp_routes(server.exporter, TokenAuthenticator(), bytes_max=BYTES_MAX)
    application = http_application(routes, body_bytes_max=100, unlimited_bodies=["/v1/logs"])
    async with serve_http(application) as url, httpx2.AsyncClient(base_url=url) as client:
        yield client


async def post(http: httpx2.AsyncClient, body: bytes, **headers: str) -> httpx2.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.post("/v1/logs", content=body, headers=PROTOBUF | names)


COMPRESSORS = {
    "identity": bytes,
    "gzip": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "deflate": zlib.compress,
    "zstd": lambda data: zstandard.compress(data[:50]) + zstandard.compress(data[50:]),
}


@pytest.mark.parametrize("encoding", COMPRESSORS)
async def test_every_encoding_is_stored(http: httpx2.AsyncClient, journal: WatchedJournal, encoding: str) -> None:
    """Whatever compresses the body, and in as many parts as it has; a full success is an empty message."""
    body = export_request([log_record(f"line {number}") for number in range(500)]).SerializeToString()
    answer = await post(http, COMPRESSORS[encoding](body), Content_Encoding=encoding)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert [entry.message for entry in await journal.entries("build")] == [f"line {number}" for number in range(500)]


async def test_json_is_answered_in_json(http: httpx2.AsyncClient, journal: WatchedJournal) -> None:
    """In OTLP's mapping; what can never be stored is counted in text, as protobuf's 64-bit numbers are."""
    document = MessageToDict(export_request([log_record("x")]))
    answer = await http.post("/v1/logs", content=msgspec.json.encode(document), headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    document = MessageToDict(export_request([log_record("x")], resource={}))
    answer = await http.post("/v1/logs", content=msgspec.json.encode(document), headers=JSON)
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"
    assert len(await journal.entries("build")) == 1


async def test_partial_success_in_protobuf(http: httpx2.AsyncClient) -> None:
    """The answer is the message that gRPC would have."""
    answer = await post(http, export_request([log_record("x")], resource={}).SerializeToString())
    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (partial.rejected_log_records, "otto.task_id" in partial.error_message) == (1, True)


async def test_overload_says_when_to_come_back(http: httpx2.AsyncClient, journal: WatchedJournal) -> None:
    """503 with Retry-After and a google.rpc.Status, in the form of the request."""
    journal.set_writable(False)
    answer = await post(http, export_request([log_record("x")]).SerializeToString())
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 3
    status = status_pb2.Status.FromString(answer.content)
    assert (status.code, len(status.details)) == (14, 1)
    answer = await http.post("/v1/logs", content=b"{}", headers=JSON)
    assert answer.json()["code"] == 14
    assert answer.json()["details"][0]["retryDelay"] == f"{answer.headers['retry-after']}s"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\x0a\xff", {}, 400),
        (b"", {"Content_Type": "text/plain"}, 400),
        (b"{", {"Content_Type": "application/json"}, 400),
        (b"x", {"Content_Encoding": "br"}, 400),
        (b"no gzip", {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(b"x" * 100)[:-9], {"Content_Encoding": "gzip"}, 400),
        (zstandard.compress(b"x" * 100)[:-3], {"Content_Encoding": "zstd"}, 400),
        (b"x" * (BYTES_MAX + 1), {}, 413),
        (gzip.compress(b"\0" * (64 << 20)), {"Content_Encoding": "gzip"}, 413),
        (zstandard.compress(b"\0" * (64 << 20)), {"Content_Encoding": "zstd"}, 413),
    ],
    ids=["garbage", "media type", "json", "brotli", "no gzip", "cut gzip", "cut zstd", "long", "bomb", "zstd bomb"],
)
async def test_what_is_wrong_is_refused_for_good(
    http: httpx2.AsyncClient, journal: WatchedJournal, body: bytes, headers: dict[str, str], status: int
) -> None:
    """A google.rpc.Status without a time to come back; nothing is stored, and the next request is."""
    answer = await post(http, body, **headers)
    assert answer.status_code == status
    assert "retry-after" not in answer.headers
    if answer.headers["content-type"] == "application/json":
        assert {"code", "message"} == answer.json().keys()
    else:
        assert status_pb2.Status.FromString(answer.content).message
    assert journal.appended == []
    assert (await post(http, export_request([log_record("x")]).SerializeToString())).status_code == 200


async def test_without_its_package_it_says_what_to_install() -> None:
    """The route is there, and its answer is one sentence."""
    application = http_application(otlp_routes(None, TokenAuthenticator(), bytes_max=1), unlimited_bodies=["/v1/"])
    async with serve_http(application) as url, httpx2.AsyncClient(base_url=url) as client:
        answer = await client.post("/v1/logs", content=b"{}", headers=JSON)
    assert answer.status_code == 404
    assert "pip install 'otto-log-gateway[otlp]'" in answer.json()["message"]
