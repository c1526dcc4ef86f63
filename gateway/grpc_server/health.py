"""The standard health service (grpc.health.v1), which needs no token, so a call must cost little."""

import asyncio
from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from gateway.grpc_server.interface import Call
from gateway.grpc_server.status import GrpcStatus, RefusedError

__all__ = ["HEALTH_FILE", "Health"]

HEALTH_FILE: Final = health_pb2.DESCRIPTOR

_Response = health_pb2.HealthCheckResponse


class Health:
    """Answers for the server (``""``) and each of its services alike."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(("", *names))
        self._status = _Response.NOT_SERVING
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Health {_Response.ServingStatus.Name(self._status)}>"

    def set_serving(self, serving: bool) -> None:
        """Change the status of all services. Watchers are woken, but not awaited."""
        self._status = _Response.SERVING if serving else _Response.NOT_SERVING
        self._changed.set()
        self._changed = asyncio.Event()

    async def check(self, data: bytes, _call: Call) -> bytes:
        """The status of a service.

        Raises:
            RefusedError: NOT_FOUND, or INVALID_ARGUMENT.
        """
        if _service(data) not in self._names:
            raise RefusedError(GrpcStatus.NOT_FOUND, "there is no such service here")
        return bytes(_Response(status=self._status).SerializeToString())

    async def watch(self, data: bytes, call: Call) -> None:
        """The status now, and whenever it changes, until the call is cancelled.

        Raises:
            RefusedError: INVALID_ARGUMENT.
        """
        is_known = _service(data) in self._names
        last: object = None
        while True:
            changed = self._changed
            status = self._status if is_known else _Response.SERVICE_UNKNOWN
            if status != last:
                call.send([_Response(status=status).SerializeToString()])
                last = status
            await changed.wait()


def _service(data: bytes) -> str:
    try:
        return str(health_pb2.HealthCheckRequest.FromString(data).service)
    except DecodeError as error:
        raise RefusedError(GrpcStatus.INVALID_ARGUMENT, "this is not a HealthCheckRequest") from error
