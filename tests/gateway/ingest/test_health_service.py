"""Threat: the health service needs no token, so anybody may watch, and read nothing."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.ingest import health_service
from gateway.ingest.health_service import HealthService

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Unread:
    """A call whose peer reads nothing: a write never ends."""

    def __init__(self) -> None:
        self.is_writing = asyncio.Event()

    async def write(self, _response: object) -> None:
        self.is_writing.set()
        await asyncio.Event().wait()


async def test_a_watcher_that_reads_nothing_holds_up_nobody() -> None:
    """The status changes at once, and others are told."""
    service, call = HealthService(["s"]), Unread()
    watching = asyncio.create_task(service.Watch(health_pb2.HealthCheckRequest(), call))  # type: ignore[arg-type]
    await call.is_writing.wait()
    service.set_serving(True)
    request = health_pb2.HealthCheckRequest(service="s")
    assert (await service.Check(request, call)).status == SERVING  # type: ignore[arg-type]
    watching.cancel()
    await asyncio.wait([watching])
    assert "0 watchers" in repr(service)


async def test_watchers_see_changes(serve: Any) -> None:
    """The present status first, then each change; of a service that is none, that it is unknown."""
    server, channel = await serve()
    stub = health_pb2_grpc.HealthStub(channel)
    watches = [stub.Watch(health_pb2.HealthCheckRequest(service=name)) for name in ("", "nothing")]
    assert [(await watch.read()).status for watch in watches] == [
        SERVING,
        health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
    ]
    await server.set_serving(False)
    assert (await watches[0].read()).status == NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Check(health_pb2.HealthCheckRequest(service="nothing"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    for watch in watches:
        watch.cancel()


async def test_watchers_are_few(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is told to use Check, which still answers."""
    monkeypatch.setattr(health_service, "WATCHERS_MAX", 1)
    _, channel = await serve()
    stub = health_pb2_grpc.HealthStub(channel)
    first = stub.Watch(health_pb2.HealthCheckRequest())
    await first.read()
    second = stub.Watch(health_pb2.HealthCheckRequest())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await second.read()
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == SERVING
    first.cancel()
