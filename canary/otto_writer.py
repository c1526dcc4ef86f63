"""The writer on Otto's wire: a line a message, an answer a line."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Any, Final

import grpc
import grpc.aio
from ottoscaler.v1 import log_streaming_pb2, log_streaming_pb2_grpc

from canary.delivery_check import DeliveryCheck
from canary.lines import message_of
from canary.writers import OPEN_MAX, WORKER_ID, WriteRefusedError
from filters.timestamps import now

__all__ = ["OttoWriter"]

_PAUSE_SECONDS: Final = 0.2
_PAUSE_SECONDS_MAX: Final = 2.0
_ANSWER_SECONDS: Final = 60.0
_REFUSALS: Final = frozenset(
    {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED}
)


class _GoneError(Exception):
    """The stream has ended without an answer."""


class OttoWriter:
    """Sends one line after the other, each after the answer to the last: a line to be sent again keeps its place.

    A line whose answer was lost with the connection may be stored or not, and nobody can ask: it is in doubt.
    """

    name = "otto"

    def __init__(self, gateway: str, token: Callable[[], str | None]) -> None:
        self._gateway = gateway
        self._token = token
        self._queue: asyncio.Queue[tuple[DeliveryCheck, int] | DeliveryCheck | None] = asyncio.Queue(OPEN_MAX)
        self._refusal = ""
        self._task = asyncio.create_task(self._send(), name="canary-otto")

    def __repr__(self) -> str:
        return f"<OttoWriter {self._queue.qsize()} waiting>"

    @property
    def is_full(self) -> bool:
        """Whether too many lines wait."""
        return self._queue.full()

    async def write(self, check: DeliveryCheck) -> None:
        """Send the next line of a task."""
        await self._queue.put((check, check.write(time.monotonic())))

    async def end(self, check: DeliveryCheck) -> None:
        """End a task by reporting that its worker has ended."""
        await self._queue.put(check)

    def check(self) -> None:
        """Acknowledgements are entered as they come."""
        if self._refusal:
            raise WriteRefusedError(self._refusal)

    async def close(self, timeout_seconds: float) -> None:
        """Wait for what is not answered, and disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._queue.put(None)
                await asyncio.shield(self._task)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _send(self) -> None:
        pause = _PAUSE_SECONDS
        pending = await self._queue.get()
        while pending is not None:
            try:
                async with grpc.aio.insecure_channel(self._gateway) as channel:
                    stub: Any = log_streaming_pb2_grpc.OttoHandlerLogServiceStub(channel)
                    stream = stub.ForwardWorkerLogs(metadata=self._metadata())
                    while pending is not None:
                        async with asyncio.timeout(_ANSWER_SECONDS):
                            if isinstance(pending, DeliveryCheck):
                                await self._report(stub, pending)
                            else:
                                await self._line(stream, *pending)
                        pause = _PAUSE_SECONDS
                        pending = await self._queue.get()
                    await stream.done_writing()
                    return
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError, _GoneError, TimeoutError) as error:
                if isinstance(error, grpc.aio.AioRpcError) and error.code() in _REFUSALS:
                    self._refusal = f"{self._gateway} refuses lines: {error.details()}"
                    return
                if isinstance(pending, tuple):
                    pending[0].doubt(pending[1])
                    pending = await self._queue.get()
                await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - spreads attempts
                pause = min(2 * pause, _PAUSE_SECONDS_MAX)

    async def _line(self, stream: Any, check: DeliveryCheck, number: int) -> None:
        line = log_streaming_pb2.WorkerLogEntry(
            worker_id=WORKER_ID,
            task_id=check.task_id,
            timestamp=now(),
            level="INFO",
            source="stdout",
            message=message_of(check.task_id, number),
        )
        while True:
            await stream.write(line)
            answer = await stream.read()
            if answer is grpc.aio.EOF:
                raise _GoneError
            if answer.status == log_streaming_pb2.LogForwardResponse.ACK:
                check.acknowledge(number, time.monotonic())
                return
            if answer.status == log_streaming_pb2.LogForwardResponse.DROP:
                self._refusal = f"{self._gateway} dropped a line: {answer.message}"
                check.doubt(number)
                return
            await asyncio.sleep(max(answer.throttle_ms / 1000, _PAUSE_SECONDS))

    async def _report(self, stub: Any, check: DeliveryCheck) -> None:
        await stub.NotifyWorkerStatus(
            log_streaming_pb2.WorkerStatusNotification(
                worker_id=WORKER_ID,
                task_id=check.task_id,
                status=log_streaming_pb2.WorkerStatusNotification.COMPLETED,
                timestamp=now(),
            ),
            metadata=self._metadata(),
        )

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        token = self._token()
        return (("authorization", f"Bearer {token}"),) if token else ()
