"""Calls with one request: a handler that waits for it and runs a coroutine, or a stream of answers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import structlog

from gateway.grpc_server.interface import Call, Ending
from gateway.grpc_server.status import OWN_FAULT, GrpcStatus, RefusedError

__all__ = ["Serve", "SingleRequest"]

Serve: TypeAlias = Callable[[bytes, Call], Awaitable[bytes | None]]
"""Answers a request; None: it has sent its answers itself."""

_log = structlog.get_logger(__name__)


class SingleRequest:
    """Runs ``serve`` once the request is complete, also if its caller has disconnected by then.

    Args:
        call: the call.
        serve: gives the answer; a ``RefusedError`` becomes the status.
        lasts: ``serve`` ends with the call only, so that it is cancelled when the peer has gone or the server stops.
    """

    def __init__(self, call: Call, serve: Serve, *, lasts: bool = False) -> None:
        self._call = call
        self._serve = serve
        self._lasts = lasts
        self._request: bytes | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<SingleRequest {'served' if self._task else 'waiting'}>"

    def receive(self, messages: Sequence[bytes]) -> None:
        """Take the request.

        Raises:
            RefusedError: there is more than one; the call has ended.
        """
        if self._request is not None or len(messages) > 1:
            refusal = RefusedError(GrpcStatus.UNIMPLEMENTED, "this method takes one request")
            self._call.end(refusal.status, refusal.text)  # the call may have a place to give back
            raise refusal
        self._request = messages[0]

    def finish(self, ending: Ending) -> None:
        """Serve the complete request, even if its caller has disconnected."""
        if self._request is None:
            self._call.end(GrpcStatus.INTERNAL, "the request is missing")
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(self._request))
        if ending is Ending.BROKEN and self._lasts and self._task is not None:
            self._task.cancel()

    def drain(self) -> None:
        """A request that is served is answered; one that is incomplete is not waited for."""
        if self._task is None:
            self._call.end(GrpcStatus.UNAVAILABLE, "the gateway is shutting down; try again")
        elif self._lasts:
            self._task.cancel()

    async def _run(self, request: bytes) -> None:
        call = self._call
        try:
            answer = await self._serve(request, call)
            if answer is not None:
                call.send([answer])
            call.end(GrpcStatus.OK)
        except RefusedError as error:
            call.end(error.status, error.text, error.metadata)
        except asyncio.CancelledError:
            call.end(GrpcStatus.UNAVAILABLE, "the gateway is shutting down; try again")
            raise
        except Exception:  # noqa: BLE001 - the edge: what no one foresaw ends this call, and is logged
            _log.exception("call failed")
            call.end(GrpcStatus.INTERNAL, OWN_FAULT)
