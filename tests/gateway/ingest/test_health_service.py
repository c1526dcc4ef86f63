"""Threat: the health service needs no token, so anybody may watch, and read nothing."""

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
WATCHES_MAX = 100


async def test_watchers_see_changes(serve: Any) -> None:
    """The present status first, then each change; of a service that is none, that it is unknown."""
    server, channel = await serve()
    stub = health_pb2_grpc.HealthStub(channel)
    watches = [stub.Watch(health_pb2.HealthCheckRequest(service=name)) for name in ("", "nothing")]
    assert [(await watch.read()).status for watch in watches] == [SERVING, UNKNOWN]
    await server.set_serving(False)
    assert (await watches[0].read()).status == NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Check(health_pb2.HealthCheckRequest(service="nothing"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    for watch in watches:
        watch.cancel()


async def first_code(watch: Any) -> grpc.StatusCode | None:
    """Why there is no first answer; None: there is one."""
    try:
        await watch.read()
    except grpc.aio.AioRpcError as error:
        return error.code()
    return None


async def test_watchers_leave_room_for_checks(serve: Any) -> None:
    """One watcher too many is refused; Check still answers on the same connection."""
    _, channel = await serve()
    stub = health_pb2_grpc.HealthStub(channel)
    watches = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(2 * WATCHES_MAX + 1)]
    codes = [await first_code(watch) for watch in watches]
    assert set(codes) == {None, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes.count(None) >= WATCHES_MAX
    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == SERVING
    for watch in watches:
        watch.cancel()
