"""The native dialect: numbered requests in, cumulative acknowledgements out."""

import asyncio
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final
from urllib.parse import quote

from otto.logs.v1 import logs_pb2

from filters.identifiers import IdentifierError, check_identifier
from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.grpc_server.interface import Call
from gateway.grpc_server.status import GrpcStatus
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.decoding import DecodeError, Decoder
from gateway.ingest.native.large_batch import SLICED_FROM_BYTES, LargeBatch
from gateway.ingest.native.requests import NativeItems
from gateway.ingest.producer_stream import ProducerStream
from gateway.ingest.registry import ProducerRegistry, StreamEnd
from storage.errors import StorageError
from storage.journal.interface import Append, LineBatch, Receipt

__all__ = ["SERVICE", "NativeStream"]

SERVICE: Final = logs_pb2.DESCRIPTOR.services_by_name["LogIngestService"].full_name

_PRODUCER_ID_BYTES_MAX: Final = 128
_decoder: Final = Decoder(logs_pb2.PublishRequest, checked_from_bytes=SLICED_FROM_BYTES)


@dataclass(slots=True)
class _Unacknowledged:
    number: int
    lines: int
    size: int
    problem: logs_pb2.Problem | None
    outcome: Receipt | StorageError | None = None


class NativeStream(ProducerStream):
    """One ``Publish`` stream."""

    dialect: ClassVar = Dialect.NATIVE

    def __init__(self, call: Call, principal: Principal, registry: ProducerRegistry) -> None:
        super().__init__(call, principal, registry)
        self._producer_id = ""
        self._items: NativeItems | None = None
        self._number = 0
        self._acknowledged = 0
        self._waiting: deque[_Unacknowledged] = deque()
        self._answering: asyncio.Handle | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._reading: tuple[int, Generator[None, None, tuple[Append, logs_pb2.Problem | None]]] | None = None
        self._masked: bytes | None = None
        self._hello_timer = self._loop.call_later(self._limits.hello_seconds_max, self._miss_hello)

    def _has_room(self, size: int) -> bool:
        # Also while the masks of a request are made ready, which is done before anything else of it.
        if self._items is None or self._greeting is not None:
            return self._greeting is None
        return super()._has_room(size)

    def _miss_hello(self) -> None:
        self._registry.counters.refused(self.dialect, Refusal.PROTOCOL)
        text = f"the first request must be a `hello`; none came within {self._limits.hello_seconds_max:g} s"
        self.end(StreamEnd(GrpcStatus.INVALID_ARGUMENT, text))

    def _take_hello(self, data: bytes) -> None:
        self._hello_timer.cancel()
        request = _decode(data)
        if request.WhichOneof("item") != "hello":
            raise ApiError("INVALID_ARGUMENT", "the first request must be a `hello`", field="hello")
        size = len(request.hello.producer_id.encode())
        if not 1 <= size <= _PRODUCER_ID_BYTES_MAX:
            raise ApiError(
                "INVALID_ARGUMENT",
                f"`hello.producer_id` must be 1 to {_PRODUCER_ID_BYTES_MAX} bytes, not {size}",
                field="hello.producer_id",
            )
        # Quoted, so that no subject and id together read like another subject and id.
        self._producer_id = f"{quote(self._principal.subject, safe='')}/{request.hello.producer_id}"
        self._items = NativeItems(self._producer_id, self._authorization, self._limits, self._registry.counters)
        # The older stream must take nothing after the number is read, so it is notified first. What it took before may
        # commit afterwards: then the answer is too low, and what is sent again is a duplicate.
        self._registry.claim(self._producer_id, self)
        self._greeting = self._loop.create_task(self._greet(request))

    async def _greet(self, request: logs_pb2.PublishRequest) -> None:
        """Answer the hello with the last number that is stored; nothing is taken meanwhile."""
        try:
            problems = await self._mask(request)
            number = await self._journal.last_number(self._producer_id)
        except ApiError as error:
            self._greeting = None
            self.end(StreamEnd.of(error))
            return
        except StorageError as error:
            self._greeting = None
            self.end(StreamEnd(GrpcStatus.UNAVAILABLE, str(error)))
            return
        self._greeting = None
        self._number = self._acknowledged = number
        self._respond(problems)
        self.proceed()

    async def _mask(self, request: logs_pb2.PublishRequest) -> list[logs_pb2.Problem]:
        """Mask the secrets that a request names. Returns the errors of invalid ones.

        Raises:
            ApiError: PERMISSION_DENIED or RESOURCE_EXHAUSTED.
        """
        problems: list[logs_pb2.Problem] = []
        for masks in request.masks:
            try:
                task_id = check_identifier("task_id", masks.task_id)
            except IdentifierError as error:
                problems.append(logs_pb2.Problem(number=request.number, field="masks.task_id", message=str(error)))
                continue
            self._authorization.check_task(task_id)
            for index, reason in await self._masks.mask(task_id, list(masks.values)):
                text = f"value {index} of a task is not masked: {reason}"
                problems.append(logs_pb2.Problem(number=request.number, field="masks.values", message=text))
        return problems

    async def _mask_first(self, data: bytes, request: logs_pb2.PublishRequest) -> None:
        """Take a request once its masks are ready."""
        try:
            problems = await self._mask(request)
        except ApiError as error:
            self._greeting = None
            self.end(StreamEnd.of(error))
            return
        self._greeting, self._masked = None, data
        if problems:
            self._respond(problems)
        self.proceed()

    def _take(self, data: bytes) -> bool:
        if self._items is None:
            self._take_hello(data)
            return True
        size = len(data)
        if self._reading is None:
            try:
                batch = LargeBatch.of(data) if size > SLICED_FROM_BYTES else None
            except DecodeError as error:
                raise _no_request(error) from error
            if batch is None:
                request = _decode(data)
                if request.masks and self._masked is not data:
                    self._greeting = self._loop.create_task(self._mask_first(data, request))
                    return False
                self._check_number(request.number)
                self._append(request.number, size, *self._items.item(request, size))
                return True
            self._check_number(batch.number)
            self._reading = batch.number, self._items.large(batch, size)
        number, reading = self._reading
        try:
            next(reading)
        except StopIteration as stop:
            self._reading = None
            self._append(number, size, *stop.value)
            return True
        except DecodeError as error:
            raise _no_request(error) from error
        return False

    def _check_number(self, number: int) -> None:
        if number < 1:
            raise ApiError("INVALID_ARGUMENT", "`number` must be 1 or more behind the hello", field="number")
        if number > self._number + 1:
            raise ApiError(
                "INVALID_ARGUMENT",
                f"`number` {number} leaves out what is behind {self._number}: send {self._number + 1} next",
                field="number",
            )

    def _append(self, number: int, size: int, item: Append, problem: logs_pb2.Problem | None) -> None:
        self._number = max(self._number, number)
        lines = 0
        if isinstance(item, LineBatch) and item.entries:
            lines = len(item.entries)
            self._tasks.add(item.task_id)
        unacknowledged = _Unacknowledged(number, lines, size, problem)
        self._waiting.append(unacknowledged)
        self._hold(lines, size)
        self._masks.submit(item, partial(self._settle, unacknowledged))

    def _settle(self, unacknowledged: _Unacknowledged, outcome: Receipt | StorageError) -> None:
        unacknowledged.outcome = outcome
        if self._answering is None:  # one answer for all that a commit has stored
            self._answering = self._loop.call_soon(self._answer)

    def _unanswered(self) -> bool:
        return bool(self._waiting) or self._greeting is not None

    def _answer(self) -> None:
        self._answering = None
        problems = self._acknowledge()
        if problems is not None:
            self._respond(problems)
            self.proceed()

    def _respond(self, problems: list[logs_pb2.Problem]) -> None:
        flow_control = self._flow_control()
        response = logs_pb2.PublishResponse(
            acknowledged_number=self._acknowledged,
            credit_lines=flow_control.credit_lines,
            wait_ms=flow_control.wait_ms,
            problems=problems,
        )
        self._call.send([response.SerializeToString()])

    def _acknowledge(self) -> list[logs_pb2.Problem] | None:
        """Advance over what has been committed; its problems, or None if nothing has."""
        waiting = self._waiting
        problems: list[logs_pb2.Problem] = []
        requests = lines = size = 0
        while waiting and (receipt := waiting[0].outcome) is not None:
            first = waiting.popleft()
            requests += 1
            lines += first.lines
            size += first.size
            if isinstance(receipt, StorageError):
                self._give_up(str(receipt))
                break
            if receipt.duplicate:
                self._registry.counters.duplicate()
            self._acknowledged = max(self._acknowledged, first.number)
            if first.problem is not None:
                problems.append(first.problem)
        self._let_go(requests, lines, size)
        return problems if requests else None

    def _give_up(self, text: str) -> None:
        """The journal did not store a request: acknowledge nothing after it, the producer sends it all again."""
        self._registry.counters.refused(Dialect.NATIVE, Refusal.UNAVAILABLE, 1 + len(self._waiting))
        self._waiting.clear()
        self.end(StreamEnd(GrpcStatus.UNAVAILABLE, f"{text}; come back and continue after the last answer"))

    def _leave(self, *, clean: bool) -> None:
        self._hello_timer.cancel()
        if self._greeting is not None:
            self._greeting.cancel()
        if self._producer_id:
            self._registry.release(self._producer_id, self)
        # A producer whose stream broke comes back and continues, so its tasks are not reported as closed.
        self._tasks.close(tell=clean)


def _decode(data: object) -> logs_pb2.PublishRequest:
    try:
        return _decoder.decode(data)  # type: ignore[arg-type]
    except DecodeError as error:
        raise _no_request(error) from error


def _no_request(error: DecodeError) -> ApiError:
    return ApiError("INVALID_ARGUMENT", f"this is not a PublishRequest: {error}")
