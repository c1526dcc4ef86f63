"""Threat: names of tasks, pipelines and workers that mean something to a path, a query, a header, a glob, a screen."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2
from ottoscaler.v1.log_streaming_pb2 import LogEntry, RegistrationResponse, WorkerStatusAck

from tests.support.gateway_process import GatewayProcess
from tests.support.producers import lines_request
from tests.support.signed_tokens import bearer, make_token
from tests.support.socket_io_client import Recorder
from tests.support.waiting import WAIT_SECONDS_MAX
from tests.support.worker import publish

pytestmark = pytest.mark.xdist_group("security doors")

GOOD = {
    "path": "../..",
    "dots": "..",
    "path of another task": "ours/../theirs",
    "encoded path": "%2e%2e",
    "encoded twice": "%252e%252e%252f",
    "backslashes": "..\\..\\theirs",
    "absolute": "/etc/passwd",
    "sql": "'; drop table job_logs; --",
    "sql like": "their_",
    "any text": "*",
    "any of": "[a-z]heirs",
    "one of": "thei??",
    "braces": "{ours,theirs}",
    "query": "x?after=1&access_token=y#z",
    "right to left": "\u202egnp.exe\u2066",
    "html": "<script>alert(1)</script>",
    "template": "${7*7}{{7*7}}%s%n",
    "format": "{task_id:identifier}",
    "space": " theirs ",
    "longest": "x" * 256,
    "other normal form": "thei\u0300rs",
}
"""Odd, but names: each is what it is, byte for byte, and nothing else."""

BAD = {
    "nul": "theirs\0",
    "header": "x\r\nSet-Cookie: a=b",
    "line feed": "x\n\ndata: y",
    "escape": "\x1b[2J",
    "c1": "x\x9b2J",
    "too long": "x" * 257,
    "too long in bytes": "한" * 86,
    "empty": "",
}

EVERYTHING = make_token(scopes=["logs:read", "logs:write"])
LIMITED = make_token(scopes=["logs:read", "logs:write"], tasks=["our?", "build-*"], pipelines=["ours", "build-*"])
LIVE = "/api/v1/log-streaming"
PLACES = {
    "stream": f"{LIVE}/logs/{{}}/stream",
    "pipeline": f"{LIVE}/pipelines/{{}}/progress",
    "rows": "/api/automation/logs?jobId={}",
}


def get(gateway: GatewayProcess, target: str, token: str = EVERYTHING) -> tuple[int, str]:
    """Status and body, with the target on the wire as it is; of a stream that continues, no body."""
    connection = http.client.HTTPConnection(gateway.host, gateway.http_port, timeout=WAIT_SECONDS_MAX)
    try:
        connection.request("GET", target, headers=bearer(token))
        response = connection.getresponse()
        endless = response.status == 200 and "/progress" in target
        return response.status, "" if endless else response.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def channel(gateway: GatewayProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        yield channel


def call(channel: grpc.Channel, method: str, *messages: Any, token: str = EVERYTHING) -> list[bytes]:
    made: Any = channel.stream_stream(method)
    requests = iter([each.SerializeToString() for each in messages])
    return list(made(requests, metadata=(("authorization", f"Bearer {token}"),)))


@pytest.mark.parametrize("name", GOOD.values(), ids=GOOD)
async def test_an_odd_name_is_a_name(gateway: GatewayProcess, name: str) -> None:
    """What is written under it is read under it, everywhere, and nothing that was written under another."""
    await publish(gateway.grpc_address, name, [f"a line of {name}"], end=True, token=EVERYTHING)
    encoded = quote(name, safe="").replace(".", "%2E")
    status, body = get(gateway, PLACES["stream"].format(encoded))
    (line,) = [json.loads(text[6:]) for text in body.splitlines() if '"sequence"' in text]
    assert (status, line["taskId"], line["message"]) == (200, name, f"a line of {name}")
    assert get(gateway, PLACES["pipeline"].format(encoded))[0] == 200
    assert get(gateway, PLACES["rows"].format(encoded))[0] == 200
    recorder = await Recorder().connect(gateway.url, auth={"token": EVERYTHING})
    try:
        assert (await recorder.call("subscribe-to-logs", {"taskId": name}))["taskId"] == name
        entry = await recorder.wait_for("log-entry")
        assert (entry["taskId"], entry["message"]) == (name, f"a line of {name}")
    finally:
        await recorder.close()


@pytest.mark.parametrize("name", [*GOOD.values(), "theirs", "build-1/../x", "build-1\\..\\x", "build-1/.."])
@pytest.mark.parametrize("place", PLACES)
def test_an_odd_name_widens_no_token(gateway: GatewayProcess, place: str, name: str) -> None:
    """A token for some tasks is not good for a name that looks like one of them, or like a pattern."""
    encoded = quote(name, safe="").replace(".", "%2E")
    status, body = get(gateway, PLACES[place].format(encoded), LIMITED)
    assert (status, json.loads(body)["error"]["code"]) == (403, "PERMISSION_DENIED")
    assert "a line of" not in body


@pytest.mark.parametrize("name", BAD.values(), ids=BAD)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_name_is_refused_over_http(gateway: GatewayProcess, place: str, name: str) -> None:
    """One answer, which names the field and does not repeat the name."""
    status, body = get(gateway, PLACES[place].format(quote(name, safe="")))
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (400, "INVALID_ARGUMENT")
    assert error["field"] in {"taskId", "pipelineId", "jobId"}


@pytest.mark.parametrize("name", BAD.values(), ids=BAD)
def test_what_is_no_name_is_refused_in_a_ticket(gateway: GatewayProcess, name: str) -> None:
    """A ticket is not issued for it."""
    for field in ("taskId", "pipelineId"):
        connection = http.client.HTTPConnection(gateway.host, gateway.http_port, timeout=WAIT_SECONDS_MAX)
        connection.request("POST", "/api/v1/auth/ticket", json.dumps({field: name}), bearer(EVERYTHING))
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["error"]["field"]) == (400, field)
        connection.close()


@pytest.mark.parametrize("name", BAD.values(), ids=BAD)
async def test_what_is_no_name_is_refused_over_socket_io(gateway: GatewayProcess, name: str) -> None:
    """Every event that takes a name answers with the field."""
    recorder = await Recorder().connect(gateway.url, auth={"token": EVERYTHING})
    try:
        for event, field in (
            ("subscribe-to-logs", "taskId"),
            ("unsubscribe-from-logs", "taskId"),
            ("update-log-filter", "taskId"),
            ("subscribe-to-pipeline", "pipelineId"),
            ("unsubscribe-from-pipeline", "pipelineId"),
        ):
            answer = await recorder.call(event, {field: name, "filter": {}})
            assert (answer["code"], answer["field"]) == ("INVALID_ARGUMENT", field)
    finally:
        await recorder.close()


@pytest.mark.parametrize("name", BAD.values(), ids=BAD)
@pytest.mark.parametrize("field", ["task_id", "worker_id"])
def test_what_is_no_name_is_refused_over_grpc(channel: grpc.Channel, field: str, name: str) -> None:
    """The line, the registration and the report are refused, each as its wire does it."""
    names = {"task_id": "odd", "worker_id": "w"} | {field: name}
    hello = logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id=f"p{abs(hash(name))}"))
    answers = call(channel, "/otto.logs.v1.LogIngestService/Publish", hello, lines_request(1, ["x"], **names))
    problems = [each for answer in answers for each in logs_pb2.PublishResponse.FromString(answer).problems]
    assert [each.number for each in problems] == [1]
    (answer,) = call(channel, "/ottoscaler.v1.LogStreamingService/StreamLogs", LogEntry(**names, message="x"))
    response = log_streaming_pb2.LogResponse.FromString(answer)
    assert response.status == log_streaming_pb2.LogResponse.DROP
    (answer,) = call(
        channel, "/ottoscaler.v1.LogStreamingService/RegisterWorker", log_streaming_pb2.WorkerRegistration(**names)
    )
    assert RegistrationResponse.FromString(answer).status == RegistrationResponse.INVALID_REQUEST
    report = log_streaming_pb2.WorkerStatusNotification(**names, status="RUNNING")
    (answer,) = call(channel, "/ottoscaler.v1.OttoHandlerLogService/NotifyWorkerStatus", report)
    assert WorkerStatusAck.FromString(answer).status == WorkerStatusAck.ERROR


@pytest.mark.parametrize("name", ["theirs", "*", "our", "ours2", "build-1/../x", ".."])
@pytest.mark.parametrize("method", ["LogStreamingService/StreamLogs", "OttoHandlerLogService/ForwardWorkerLogs"])
def test_an_odd_name_widens_no_producer(channel: grpc.Channel, method: str, name: str) -> None:
    """A producer writes to the tasks of its token alone."""
    with pytest.raises(grpc.RpcError) as refused:
        call(channel, f"/ottoscaler.v1.{method}", LogEntry(task_id=name, worker_id="w"), token=LIMITED)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "target",
    [
        f"{LIVE}/logs/../health/stream",
        f"{LIVE}/logs/ours/../theirs/stream",
        f"{LIVE}/logs//stream",
        "/page/../../pyproject.toml",
        "/page/%2e%2e/%2e%2e/app.py",
        "/page/..%5c..%5capp.py",
        "/page//etc/passwd",
        "/page/assets/..%2f__init__.py",
        "/page/assets/%2e%2e/%2e%2e/__init__.py",
        "/page/assets/index.css%00.html",
        "/page/built/index.html",
        "//metrics",
        "/metrics/..;/",
        "/socket.io/../metrics",
        "/socket.io/%2e%2e/healthz/live",
        "http://evil.example/metrics",
    ],
)
def test_paths_lead_nowhere_else(gateway: GatewayProcess, target: str) -> None:
    """A path is compared as it was sent: no file, no other endpoint, no failure."""
    status, body = get(gateway, target)
    assert status in ({200} if target.startswith("http://") else {400, 404})
    assert "root:" not in body
    assert "import " not in body


def test_the_tables_are_still_there(gateway: GatewayProcess) -> None:
    """After all of the above, what the others wrote is unharmed."""
    status, body = get(gateway, PLACES["rows"].format("theirs"))
    assert (status, [row["log_message"] for row in json.loads(body)["logs"]][:1]) == (200, ["a line of theirs"])
