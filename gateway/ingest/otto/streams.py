"""The two streams of Otto's wire: one line a message, one response a line, in order."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ottoscaler.v1 import log_streaming_pb2

from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.grpc_server.interface import Call
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.decoding import DecodeError, Decoder
from gateway.ingest.otto.lines import OttoLine, OttoLines
from gateway.ingest.otto.workers import Workers
from gateway.ingest.producer_stream import ProducerStream
from gateway.ingest.registry import ProducerRegistry
from storage.errors import StorageClosedError, StorageError
from storage.journal.interface import LineBatch, Receipt

__all__ = ["FORWARD_WORKER_LOGS", "STREAM_LOGS", "OttoMethod", "OttoStream"]


@dataclass(frozen=True, slots=True)
class OttoMethod:
    """What differs between the two streams."""

    decoder: Decoder[log_streaming_pb2.LogEntry] | Decoder[log_streaming_pb2.WorkerLogEntry]
    response: Any  # LogResponse or LogForwardResponse: two types with the same fields, which no annotation unites
    can_throttle: bool


STREAM_LOGS: Final = OttoMethod(Decoder(log_streaming_pb2.LogEntry), log_streaming_pb2.LogResponse, can_throttle=False)
FORWARD_WORKER_LOGS: Final = OttoMethod(
    Decoder(log_streaming_pb2.WorkerLogEntry), log_streaming_pb2.LogForwardResponse, can_throttle=True
)


@dataclass(slots=True)
class _Group:
    """Lines that were appended together, and are answered together."""

    lines: Sequence[OttoLine]
    batches: list[LineBatch]
    receipts: list["asyncio.Future[Receipt]"]
    pending: int


class OttoStream(ProducerStream):
    """One stream of lines. Lines gather while the group before them is committed and answered."""

    dialect: ClassVar = Dialect.OTTO

    def __init__(
        self, call: Call, principal: Principal, registry: ProducerRegistry, workers: Workers, method: OttoMethod
    ) -> None:
        super().__init__(call, principal, registry)
        self._method = method
        self._reader = OttoLines(self._authorization, workers, registry.limits, registry.counters)
        self._gathered: list[OttoLine] = []
        self._groups: deque[_Group] = deque()
        self._goes_on = False

    def _take(self, data: bytes) -> None:
        try:
            message = self._method.decoder.decode(data)
        except DecodeError as error:
            name = self._method.decoder.name
            raise ApiError("INVALID_ARGUMENT", f"this is not a {name}: {error}") from error
        line = self._reader.line(message, len(data))
        self._gathered.append(line)
        self._registry.gathered_bytes += line.weight
        self._goes_on = self._requests > 0  # its sender has not waited for the answer to the one before
        self._hold(1, len(data))

    def _taken(self) -> None:
        if self._gathered and not self._groups:
            self._append_group()

    def _hurry(self) -> None:
        if self._gathered:
            self._append_group()

    def _unanswered(self) -> bool:
        return bool(self._gathered or self._groups)

    def _append_group(self) -> None:
        lines = self._take_gathered()
        batches, receipts = self._append(lines)
        group = _Group(lines, batches, receipts, len(receipts))
        self._groups.append(group)
        for receipt in receipts:
            receipt.add_done_callback(lambda _: self._settle(group))
        if not receipts:
            self._loop.call_soon(self._answer)

    def _settle(self, group: _Group) -> None:
        """One batch of a group is stored, or cannot be."""
        group.pending -= 1
        if not group.pending:
            self._answer()

    def _answer(self) -> None:
        """Answer the groups that are settled, in order."""
        groups = self._groups
        while groups and not groups[0].pending:
            group = groups.popleft()
            self._call.send(self._responses(group))
            self._let_go(len(group.lines), len(group.lines), sum(line.size for line in group.lines))
        self.proceed()

    def _responses(self, group: _Group) -> list[bytes]:
        """A group's responses, in the order of its lines."""
        make = self._method.response
        responses = [
            make(status=make.DROP, message=line.problem) if line.entry is None else None for line in group.lines
        ]
        index = 0
        for batch, receipt in zip(group.batches, group.receipts, strict=True):
            first, refusal = self._outcome(receipt, len(batch.entries))
            for offset in range(len(batch.entries)):
                while responses[index] is not None:
                    index += 1
                responses[index] = (
                    make(status=make.RETRY, message=refusal) if refusal else make(sequence=first + offset)
                )
        last = responses[-1]
        if self._method.can_throttle and last is not None:
            # Of what this stream has sent behind the group, too: it may fill its own limit and not the journal's.
            last.throttle_ms = self._flow_control(len(self._gathered) / self._limits.inflight_lines_max).wait_ms
        return [response.SerializeToString() for response in responses if response is not None]

    def _outcome(self, receipt: "asyncio.Future[Receipt]", lines: int) -> tuple[int, str]:
        try:
            return receipt.result().first, ""
        except (StorageError, asyncio.CancelledError) as error:
            self._registry.counters.refused(Dialect.OTTO, Refusal.UNAVAILABLE, lines)
            return 0, str(error) or "the gateway is shutting down"

    def _append(self, group: Sequence[OttoLine]) -> tuple[list[LineBatch], list["asyncio.Future[Receipt]"]]:
        """Append a group's lines, one batch for each run of lines of one worker."""
        batches: list[LineBatch] = []
        batch: LineBatch | None = None
        for line in group:
            entry = line.entry
            if entry is None:
                continue
            if batch is None or batch.worker_id != entry.worker_id or batch.task_id != entry.task_id:
                batch = LineBatch(entry.task_id, entry.worker_id, [], 0, line.received_at, is_awaited=not self._goes_on)
                batches.append(batch)
                self._tasks.add(entry.task_id)
            batch.entries.append(entry)
            batch.size += line.weight
        return batches, [self._receipt(batch) for batch in batches]

    def _receipt(self, batch: LineBatch) -> "asyncio.Future[Receipt]":
        try:
            receipt = self._journal.append(batch)
        except StorageClosedError as error:
            receipt = self._loop.create_future()
            receipt.set_exception(error)
        receipt.add_done_callback(_look_at)
        return receipt

    def _leave(self, *, clean: bool) -> None:  # noqa: ARG002
        # Its client does not come back for what is not answered, so the tasks are told to be closed however the
        # stream ended.
        self._append(self._take_gathered())
        self._tasks.close()

    def _take_gathered(self) -> list[OttoLine]:
        group, self._gathered = self._gathered, []
        self._registry.gathered_bytes -= sum(line.weight for line in group)
        return group


def _look_at(receipt: "asyncio.Future[Receipt]") -> None:
    if not receipt.cancelled():
        receipt.exception()
