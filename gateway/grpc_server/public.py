"""Methods without authentication: health and reflection, with low limits."""

from collections.abc import Iterator
from typing import Final

from gateway.grpc_server.health import Health
from gateway.grpc_server.interface import Call, Handler, Method
from gateway.grpc_server.reflection import REFLECTION_SERVICES, Contracts, ReflectionHandler
from gateway.grpc_server.single import SingleRequest

__all__ = ["public_methods"]

_MESSAGE_BYTES_MAX: Final = 8 << 10
_SECONDS_MAX: Final = 60.0
_HEALTH: Final = "/grpc.health.v1.Health/"


def public_methods(health: Health, contracts: Contracts) -> Iterator[Method]:
    """The methods of both services, reflection in both versions."""

    async def check(call: Call) -> Handler:
        return SingleRequest(call, health.check)

    async def watch(call: Call) -> Handler:
        return SingleRequest(call, health.watch, lasts=True)

    async def reflect(call: Call) -> Handler:
        return ReflectionHandler(call, contracts)

    yield Method(f"{_HEALTH}Check", check, _MESSAGE_BYTES_MAX, is_public=True, seconds_max=_SECONDS_MAX, is_brief=True)
    yield Method(f"{_HEALTH}Watch", watch, _MESSAGE_BYTES_MAX, is_public=True)
    for service in REFLECTION_SERVICES:
        path = f"/{service}/ServerReflectionInfo"
        yield Method(path, reflect, _MESSAGE_BYTES_MAX, is_public=True, seconds_max=_SECONDS_MAX)
