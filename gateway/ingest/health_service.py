"""The standard health service, which needs no token and hence gives nobody anything to hold on to."""

import asyncio
from collections.abc import Iterable
from typing import Final, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

__all__ = ["WATCHERS_MAX", "HealthService"]

WATCHERS_MAX: Final = 100
"""Watches at once; probes ask again and again instead."""

_Request: TypeAlias = health_pb2.HealthCheckRequest
_Response: TypeAlias = health_pb2.HealthCheckResponse
_Context: TypeAlias = "grpc.aio.ServicerContext[_Request, _Response]"


class HealthService(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # the library has no types
    """Answers for the server (``""``) and each of its services alike.

    The library's own writes to watchers while it holds the lock that a change of status needs: one watcher that reads
    nothing would keep the gateway from shutting down in order. Here a change only wakes watchers up.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(("", *names))
        self._status = _Response.NOT_SERVING
        self._changed = asyncio.Event()
        self._watchers = 0

    def __repr__(self) -> str:
        return f"<HealthService {_Response.ServingStatus.Name(self._status)} {self._watchers} watchers>"

    def set_serving(self, serving: bool) -> None:
        """Change the status of everything."""
        self._status = _Response.SERVING if serving else _Response.NOT_SERVING
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(self, request: _Request, context: _Context) -> _Response:  # noqa: N802
        """The status of a service, or NOT_FOUND."""
        if request.service not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service here")
        return _Response(status=self._status)

    async def Watch(self, request: _Request, context: _Context) -> None:  # noqa: N802
        """The status now, and whenever it changes."""
        if self._watchers >= WATCHERS_MAX:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"at most {WATCHERS_MAX} may watch at once; use Check"
            )
        self._watchers += 1
        try:
            last: object = None
            while True:
                changed = self._changed
                status = self._status if request.service in self._names else _Response.SERVICE_UNKNOWN
                if status != last:
                    await context.write(_Response(status=status))
                    last = status
                await changed.wait()
        finally:
            self._watchers -= 1
