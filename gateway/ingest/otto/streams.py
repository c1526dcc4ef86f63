"""The two streams of Otto's wire: one line a message, one response a line, in order."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from ottoscaler.v1 import log_streaming_pb2

from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.grpc_server.interface import Call
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.decoding import DecodeError, Decoder, TooManyElementsError
from gateway.ingest.otto.lines import OttoLine, OttoLines
from gateway.ingest.otto.workers import Workers
from gateway.ingest.producer_stream import ProducerStream
from gateway.ingest.registry import ProducerRegistry
from storage.errors import StorageError
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


_SMALL: Final = tuple(bytes([value]) for value in range(128))


@dataclass(slots=True)
class _Group:
    """Lines that were appended together, and are answered together."""

    lines: Sequence[OttoLine]
    batches: list[LineBatch]
    outcomes: list[Receipt | StorageError | None]
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
        self._gathered_bytes = 0
        self._groups: deque[_Group] = deque()

    def _take(self, data: bytes) -> bool:
        try:
            line = self._reader.line(self._method.decoder.decode(data), len(data))
        except TooManyElementsError as error:
            line = self._reader.dropped(str(error), len(data))
        except DecodeError as error:
            name = self._method.decoder.name
            raise ApiError("INVALID_ARGUMENT", f"this is not a {name}: {error}") from error
        self._gathered.append(line)
        self._gathered_bytes += line.weight
        self._registry.gathered_bytes += line.weight
        self._hold(1, len(data))
        return True

    def _take_arrived(self) -> None:
        self._reader.arrived()
        super()._take_arrived()
        self._reader.count()

    def _taken(self) -> None:
        # What is held waits for the next lines.
        if self._gathered and (not self._groups or self._masks.is_holding):
            self._append_group()

    def _hurry(self) -> None:
        if self._gathered:
            self._append_group()

    def _unanswered(self) -> bool:
        return bool(self._gathered or self._groups)

    def _append_group(self) -> None:
        lines = self._take_gathered()
        batches = self._batches(lines)
        group = _Group(lines, batches, [None] * len(batches), len(batches))
        self._groups.append(group)
        for index, batch in enumerate(batches):
            self._masks.submit(batch, partial(self._settle, group, index))
        if not batches:
            self._loop.call_soon(self._answer)

    def _settle(self, group: _Group, index: int, outcome: Receipt | StorageError) -> None:
        """One batch of a group is stored, or cannot be."""
        group.outcomes[index] = outcome
        group.pending -= 1
        if not group.pending:
            self._answer()

    def _answer(self) -> None:
        """Answer the groups that are settled, in order."""
        groups = self._groups
        while groups and not groups[0].pending:
            group = groups.popleft()
            self._call.send(self._responses(group))
            count = len(group.lines)
            self._let_go(count, count, sum([line.size for line in group.lines]))
        self.proceed()

    def _responses(self, group: _Group) -> list[bytes]:
        """A group's responses, in the order of its lines."""
        make = self._method.response
        responses: list[bytes] = []
        lines = iter(group.lines)
        for batch, outcome in zip(group.batches, group.outcomes, strict=True):
            sequence, refusal = self._outcome(outcome, len(batch.entries))
            for _ in batch.entries:
                for line in lines:
                    if line.entry is not None:
                        break
                    responses.append(_dropped(make, line))
                responses.append(refusal or b"\x18" + _varint(sequence))
                sequence += 1
        responses += [_dropped(make, line) for line in lines]
        # Of what this stream has sent after the group, too: it may fill its own limit and not the journal's.
        own_fullness = len(self._gathered) / self._limits.inflight_lines_max
        is_asked = self._method.can_throttle and group.lines[-1].entry is not None
        if is_asked and (wait_ms := self._wait_ms(own_fullness)):
            responses[-1] += make(throttle_ms=wait_ms).SerializeToString()
        return responses

    def _outcome(self, outcome: Receipt | StorageError | None, lines: int) -> tuple[int, bytes]:
        """The first line's sequence, or the answer that requests the lines again."""
        if isinstance(outcome, Receipt):
            return outcome.first, b""
        self._registry.counters.refused(Dialect.OTTO, Refusal.UNAVAILABLE, lines)
        make = self._method.response
        text = str(outcome) or "the gateway is shutting down"
        return 0, bytes(make(status=make.RETRY, message=text).SerializeToString())

    def _batches(self, group: Sequence[OttoLine]) -> list[LineBatch]:
        """A group's lines as one batch for each run of lines of one worker."""
        batches: list[LineBatch] = []
        batch: LineBatch | None = None
        for line in group:
            entry = line.entry
            if entry is None:
                continue
            if batch is None or batch.worker_id != entry.worker_id or batch.task_id != entry.task_id:
                batch = LineBatch(entry.task_id, entry.worker_id, [], 0, line.received_at)
                batches.append(batch)
                self._tasks.add(entry.task_id)
            batch.entries.append(entry)
            batch.size += line.weight
        return batches

    def _leave(self, *, clean: bool) -> None:  # noqa: ARG002
        # Its client does not come back for what is not answered, so the tasks are asked to be closed however the
        # stream ended.
        for batch in self._batches(self._take_gathered()):
            self._masks.submit(batch, _nobody_hears)
        self._tasks.close()

    def _take_gathered(self) -> list[OttoLine]:
        group, self._gathered = self._gathered, []
        self._registry.gathered_bytes -= self._gathered_bytes
        self._gathered_bytes = 0
        return group


def _nobody_hears(_: Receipt | StorageError) -> None:
    """The stream is over."""


def _dropped(make: Any, line: OttoLine) -> bytes:
    return bytes(make(status=make.DROP, message=line.problem).SerializeToString())


def _varint(value: int) -> bytes:
    """A number on the wire; of a stored line's answer it is all that differs from another's."""
    if value < 128:
        return _SMALL[value]
    data = bytearray()
    while value >= 128:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)
