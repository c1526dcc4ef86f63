"""A token is good until it expires, on streams that are open then too."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx2
import pytest

from gateway.app import Gateway
from gateway.ingest import producer_stream
from gateway.settings.model import Settings
from gateway.transports.socket_io import subscriber
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.signed_tokens import SECRET, bearer, make_token
from tests.support.socket_io_client import Recorder
from tests.support.waiting import until

LEEWAY_SECONDS = 10.0
LIVE = "/api/v1/log-streaming"
HOUR_SECONDS = 3600.0

Opened = Callable[[], None]
"""To be called where a stream is open."""


def hourly_token(*scopes: str) -> str:
    return make_token(scopes=scopes, expires_in=HOUR_SECONDS)


async def server_sent(base: str, path: str, opened: Opened) -> str:
    headers = bearer(hourly_token("logs:read"))
    async with (
        httpx2.AsyncClient(base_url=base) as http,
        http.stream("GET", path, headers=headers) as response,
    ):
        opened()
        return (await response.aread()).decode()


async def socket_io(base: str, opened: Opened) -> str:
    recorder = await Recorder().connect(base, auth={"token": hourly_token("logs:read")})
    try:
        assert "code" not in await recorder.call("subscribe-to-logs", {"taskId": "t"})
        assert "code" not in await recorder.call("subscribe-to-pipeline", {"pipelineId": "p"})
        opened()
        await recorder.wait(lambda _: recorder.is_disconnected.is_set())
        return str(recorder.named("closing"))
    finally:
        await recorder.close()


async def native(channel: grpc.aio.Channel, opened: Opened) -> str:
    producer = NativeProducer(channel, hourly_token("logs:write"))
    await producer.hello()
    await producer.send(lines_request(1, ["taken before"], task_id="t"))
    await producer.acknowledged(1)
    opened()
    code, details = await producer.ended()
    assert code is grpc.StatusCode.UNAUTHENTICATED
    return details


async def otto(channel: grpc.aio.Channel, method: str, opened: Opened) -> str:
    producer = OttoProducer(channel, method, token=hourly_token("logs:write"))
    assert (await producer.say("taken before", task_id=method)).sequence == 1
    opened()
    code, details = await producer.ended()
    assert code is grpc.StatusCode.UNAUTHENTICATED
    return details


async def test_every_stream_ends_with_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On each transport, saying why, once the wall clock says that the time is over; also where somebody has set it."""
    for module in (producer_stream, subscriber):
        monkeypatch.setattr(module, "EXPIRY_CHECK_SECONDS_MAX", 0.05)
    ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
    url = f"sqlite:///{tmp_path}/otto.db"
    gateway = await Gateway.start(
        Settings(database_url=url, jwt_secret=SECRET, durability="process", shutdown_grace_seconds=1, **ports)  # type: ignore[arg-type]
    )
    base = f"http://127.0.0.1:{gateway.ports[0]}"
    are_open: list[None] = []

    def opened() -> None:
        are_open.append(None)

    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports[-1]}") as channel:
            streams = [
                asyncio.create_task(each)
                for each in (
                    server_sent(base, f"{LIVE}/logs/t/stream", opened),
                    server_sent(base, f"{LIVE}/pipelines/p/progress", opened),
                    socket_io(base, opened),
                    native(channel, opened),
                    otto(channel, "StreamLogs", opened),
                    otto(channel, "ForwardWorkerLogs", opened),
                )
            ]
            await until(lambda: len(are_open) == len(streams), "all streams are open")
            assert not any(each.done() for each in streams)
            now = time.time
            monkeypatch.setattr(time, "time", lambda: now() + HOUR_SECONDS + LEEWAY_SECONDS)
            texts = await asyncio.gather(*streams)
    finally:
        await gateway.stop()
    assert all("expired" in text for text in texts)
    assert all("TOKEN_EXPIRED" in text for text in texts[:3])


@pytest.mark.parametrize("scopes", [["logs:read"], ["logs:write"]])
async def test_a_token_beyond_its_leeway_opens_nothing(tmp_path: Path, scopes: list[str]) -> None:
    """What has expired is refused at the door, also if it was good a moment ago."""
    ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
    gateway = await Gateway.start(Settings(database_url=f"sqlite:///{tmp_path}/o.db", jwt_secret=SECRET, **ports))  # type: ignore[arg-type]
    token = make_token(scopes=scopes, expires_in=-LEEWAY_SECONDS - 1)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as http:
        assert (await http.get(f"{LIVE}/logs/t/stream", headers=bearer(token))).status_code == 401
        assert (await http.post("/api/v1/auth/ticket", headers=bearer(token))).status_code == 401
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports[-1]}") as channel:
        assert (await NativeProducer(channel, token).ended())[0] is grpc.StatusCode.UNAUTHENTICATED
    await gateway.stop()
