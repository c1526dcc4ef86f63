"""Producers for tests of ingest: the two wires over a real channel, one call at a time."""

from collections.abc import Sequence
from typing import Any

import grpc
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2

__all__ = ["NativeProducer", "OttoProducer", "lines_request"]


def lines_request(
    number: int, messages: Sequence[str | bytes], *, task_id: str = "t", worker_id: str = "w"
) -> logs_pb2.PublishRequest:
    """A numbered request with lines."""
    lines = [logs_pb2.Line(message=m if isinstance(m, bytes) else m.encode()) for m in messages]
    batch = logs_pb2.LineBatch(task_id=task_id, worker_id=worker_id, lines=lines)
    return logs_pb2.PublishRequest(number=number, lines=batch)


class _Producer:
    """A stream to the gateway, and what comes back on it."""

    call: Any

    async def read(self) -> Any:
        return await self.call.read()

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        """Read to the end; how the stream ended."""
        try:
            while await self.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError:
            pass
        return await self.call.code(), await self.call.details()


class NativeProducer(_Producer):
    """A ``Publish`` stream; ``token`` becomes its authorization."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None = None) -> None:
        method: Any = channel.stream_stream(
            "/otto.logs.v1.LogIngestService/Publish", response_deserializer=logs_pb2.PublishResponse.FromString
        )
        self.call = _honest(method(metadata=_metadata(token)))

    async def hello(self, producer_id: str = "p") -> logs_pb2.PublishResponse:
        """Say hello; the gateway's answer."""
        await self.send(logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id=producer_id)))
        return await self.read()

    async def send(self, request: logs_pb2.PublishRequest) -> None:
        await self.call.write(request.SerializeToString())

    async def acknowledged(self, number: int) -> logs_pb2.PublishResponse:
        """Read until everything up to a number is acknowledged; the last response, with the problems of all."""
        problems: list[logs_pb2.Problem] = []
        while True:
            response = await self.read()
            assert response is not grpc.aio.EOF, (await self.call.code(), await self.call.details())
            problems.extend(response.problems)
            if response.acknowledged_number >= number:
                del response.problems[:]
                response.problems.extend(problems)
                return response


class OttoProducer(_Producer):
    """A stream of lines on Otto's wire."""

    def __init__(self, channel: grpc.aio.Channel, method: str = "StreamLogs", token: str | None = None) -> None:
        forwards = method == "ForwardWorkerLogs"
        service = "OttoHandlerLogService" if forwards else "LogStreamingService"
        response: Any = log_streaming_pb2.LogForwardResponse if forwards else log_streaming_pb2.LogResponse
        self.line_type: Any = log_streaming_pb2.WorkerLogEntry if forwards else log_streaming_pb2.LogEntry
        multi: Any = channel.stream_stream(
            f"/ottoscaler.v1.{service}/{method}", response_deserializer=response.FromString
        )
        self.call = _honest(multi(metadata=_metadata(token)))

    async def send(self, message: str, *, task_id: str = "t", worker_id: str = "w", **fields: Any) -> None:
        await self.send_raw(
            self.line_type(task_id=task_id, worker_id=worker_id, message=message, **fields).SerializeToString()
        )

    async def send_raw(self, data: bytes) -> None:
        await self.call.write(data)

    async def say(self, message: str, **fields: Any) -> Any:
        """Send one line; its response."""
        await self.send(message, **fields)
        return await self.read()


class _HonestCore:
    """Leaves a call the status that the server gave it."""

    def __init__(self, core: Any) -> None:
        self._core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def set_internal_error(self, _text: str) -> None:
        """Nothing; whoever writes waits for the server's status then."""


def _honest(call: Any) -> Any:
    """A call of grpc.aio whose status is the server's, always.

    Where a write meets the end of the stream, the library puts INTERNAL, "Internal error from Core", in the place of
    the status that is on its way; on a busy machine, for every second stream that is refused at its beginning.
    """
    call._cython_call = _HonestCore(call._cython_call)
    return call


def _metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    return () if token is None else (("authorization", f"Bearer {token}"),)
