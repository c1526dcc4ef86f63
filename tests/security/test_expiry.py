"""A token is good until it expires, on streams that are open then too."""

import asyncio
import time
from pathlib import Path

import grpc
import httpx2
import pytest

from gateway.app import Gateway
from gateway.settings import Settings
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.signed_tokens import SECRET, bearer, make_token
from tests.support.socket_io_client import Recorder

LEEWAY_SECONDS = 10.0
LEFT_SECONDS = 4.0
LIVE = "/api/v1/log-streaming"

Ended = tuple[float, str]
"""When a stream ended, and what it said."""


def short_token(*scopes: str) -> str:
    """A token that is good for some seconds more: it has expired, but within the leeway."""
    return make_token(scopes=scopes, expires_in=LEFT_SECONDS - LEEWAY_SECONDS)


async def server_sent(base: str, path: str) -> Ended:
    async with httpx2.AsyncClient(base_url=base) as http:
        response = await http.get(path, headers=bearer(short_token("logs:read")))
        return time.time(), response.text


async def socket_io(base: str) -> Ended:
    recorder = await Recorder().connect(base, auth={"token": short_token("logs:read")})
    try:
        assert "code" not in await recorder.call("subscribe-to-logs", {"taskId": "t"})
        assert "code" not in await recorder.call("subscribe-to-pipeline", {"pipelineId": "p"})
        await recorder.wait(lambda _: recorder.is_disconnected.is_set())
        return time.time(), str(recorder.named("closing"))
    finally:
        await recorder.close()


async def native(channel: grpc.aio.Channel) -> Ended:
    producer = NativeProducer(channel, short_token("logs:write"))
    await producer.hello()
    await producer.send(lines_request(1, ["taken before"], task_id="t"))
    await producer.acknowledged(1)
    code, details = await producer.ended()
    assert code is grpc.StatusCode.UNAUTHENTICATED
    return time.time(), details


async def otto(channel: grpc.aio.Channel, method: str) -> Ended:
    producer = OttoProducer(channel, method, token=short_token("logs:write"))
    assert (await producer.say("taken before", task_id=method)).sequence == 1
    code, details = await producer.ended()
    assert code is grpc.StatusCode.UNAUTHENTICATED
    return time.time(), details


async def test_every_stream_ends_with_its_token(tmp_path: Path) -> None:
    """On each transport, saying why; and not before its time."""
    ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
    url = f"sqlite:///{tmp_path}/otto.db"
    gateway = await Gateway.start(
        Settings(database_url=url, jwt_secret=SECRET, durability="process", shutdown_grace_seconds=1, **ports)  # type: ignore[arg-type]
    )
    base = f"http://127.0.0.1:{gateway.ports[0]}"
    began = time.time()
    try:
        async with asyncio.timeout(60), grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports[-1]}") as channel:
            ends = await asyncio.gather(
                server_sent(base, f"{LIVE}/logs/t/stream"),
                server_sent(base, f"{LIVE}/pipelines/p/progress"),
                socket_io(base),
                native(channel),
                otto(channel, "StreamLogs"),
                otto(channel, "ForwardWorkerLogs"),
            )
    finally:
        await gateway.stop()
    for at, text in ends:
        assert "expired" in text
        assert at >= began + LEFT_SECONDS - 1  # a claim has whole seconds
    for _, text in ends[:3]:
        assert "TOKEN_EXPIRED" in text


@pytest.mark.parametrize("scopes", [["logs:read"], ["logs:write"]])
async def test_a_token_beyond_its_leeway_opens_nothing(tmp_path: Path, scopes: list[str]) -> None:
    """What has expired is refused at the door, also where it was good a moment ago."""
    ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
    gateway = await Gateway.start(Settings(database_url=f"sqlite:///{tmp_path}/o.db", jwt_secret=SECRET, **ports))  # type: ignore[arg-type]
    token = make_token(scopes=scopes, expires_in=-LEEWAY_SECONDS - 1)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as http:
        assert (await http.get(f"{LIVE}/logs/t/stream", headers=bearer(token))).status_code == 401
        assert (await http.post("/api/v1/auth/ticket", headers=bearer(token))).status_code == 401
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports[-1]}") as channel:
        assert (await NativeProducer(channel, token).ended())[0] is grpc.StatusCode.UNAUTHENTICATED
    await gateway.stop()
