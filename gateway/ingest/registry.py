"""What all streams of one server share, and the door through which each of them comes."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from gateway.auth import Authenticator, Principal
from gateway.errors import ApiError
from gateway.grpc_server.interface import Call
from gateway.grpc_server.status import GrpcStatus
from gateway.ingest.authentication import WRITE_SCOPE, bearer_token
from gateway.ingest.counters import Counters, Dialect, Refusal
from gateway.ingest.flow_control import CALM_SHARE
from gateway.ingest.limits import IngestLimits
from gateway.ingest.masking.task_masks import TaskMasks
from gateway.ingest.open_tasks import OpenTasks
from gateway.quota import ByteQuota, Lease, Quota
from sessions.close_reasons import CloseReason
from storage.journal.interface import Journal

__all__ = ["Producer", "ProducerRegistry", "StreamEnd"]


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """Why the gateway ends a stream: the status of the RPC and its text.

    ``away_milliseconds``: how long the producer is asked to stay away, at least and at most; each stream receives a
    time in between, so that not all come back at once.
    """

    status: GrpcStatus
    text: str
    away_milliseconds: tuple[int, int] | None = None

    @classmethod
    def of(cls, error: ApiError) -> "StreamEnd":
        """The end that answers a refusal."""
        return cls(GrpcStatus(error.grpc_status.value[0]), error.message)


class Producer(Protocol):
    """A stream, as the registry sees it."""

    @property
    def dialect(self) -> Dialect:
        """Its wire."""
        ...

    @property
    def subject(self) -> str:
        """Whose token opened it."""
        ...

    @property
    def address(self) -> str:
        """The address of the peer."""
        ...

    def end(self, end: StreamEnd) -> None:
        """Take nothing more, answer what was taken, then end."""

    def proceed(self) -> None:
        """Take what is pending for room."""


class Stoppable(Protocol):
    """An upload, as the registry sees it."""

    def stop(self, error: ApiError) -> None:
        """Take nothing more, and answer with this error once everything that was taken is stored."""


class ProducerRegistry:
    """The journal, the limits, and who is connected.

    Attributes:
        masks: through which everything goes to the journal.
        uploads: requests over HTTP that last, to be ended before the gateway stops.
        requests: bytes of single calls, by principal and address.
        gathered_bytes: what the lines count for that streams have taken and not appended yet.
    """

    def __init__(
        self,
        journal: Journal,
        authenticator: Authenticator,
        limits: IngestLimits,
        counters: Counters,
        quota: Quota | None = None,
        masks: TaskMasks | None = None,
    ) -> None:
        self.journal = journal
        self.masks = masks or TaskMasks(journal)
        self.limits = limits
        self.counters = counters
        self.tasks = OpenTasks(self.masks.journal)
        self.uploads: set[Stoppable] = set()
        self.gathered_bytes = 0
        self._authenticator = authenticator
        self._quota = quota if quota is not None else Quota()
        self.requests = ByteQuota(self._quota, 2 * limits.request_bytes_max, "twice REQUEST_BYTES_MAX")
        self._streams: dict[Producer, Lease] = {}
        self._producers: dict[str, Producer] = {}
        self._blocked: dict[Producer, None] = {}
        self._waiting: asyncio.Task[None] | None = None
        self._closing: StreamEnd | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def __repr__(self) -> str:
        return f"<ProducerRegistry {len(self._streams)} streams, {len(self._producers)} numbered producers>"

    @property
    def gathered_fullness(self) -> float:
        """What streams gather while they wait for a commit, as a share of the limit over all of them."""
        return self.gathered_bytes / self.limits.gathered_bytes_max

    @property
    def is_calm(self) -> bool:
        """Whether no stream is throttled for its pending data."""
        return self.journal.is_writable and self.gathered_bytes < self.limits.gathered_bytes_max * CALM_SHARE

    async def principal(self, call: Call, dialect: Dialect) -> Principal:
        """Who calls.

        Raises:
            ApiError: UNAUTHENTICATED, or PERMISSION_DENIED where it may write nothing at all.
        """
        try:
            principal = await self._authenticator.authenticate(bearer_token(call.metadata))
            principal.require(WRITE_SCOPE)  # before anything else: a Hello alone takes over a producer's stream
        except ApiError:
            self.counters.refused(dialect, Refusal.AUTHENTICATION)
            raise
        return principal

    def join(self, stream: Producer) -> None:
        """Admit a stream.

        Raises:
            ApiError: RESOURCE_EXHAUSTED, or UNAVAILABLE during shutdown.
        """
        if self._closing is not None:
            raise ApiError("UNAVAILABLE", self._closing.text)
        if len(self._streams) >= self.limits.streams_max:
            self.counters.refused(stream.dialect, Refusal.FULL)
            raise ApiError(
                "RESOURCE_EXHAUSTED", f"the gateway takes at most {self.limits.streams_max} streams at once; try later"
            )
        try:
            self._streams[stream] = self._quota.enter(principal=stream.subject, address=stream.address)
        except ApiError:
            self.counters.refused(stream.dialect, Refusal.FULL)
            raise
        self._empty.clear()
        self.counters.stream_opened(stream.dialect)

    def leave(self, stream: Producer) -> None:
        """A stream is over."""
        self._streams.pop(stream).leave()
        self._blocked.pop(stream, None)
        if not self._streams and self._waiting is not None:
            self._waiting.cancel()
        if not self._streams:
            self._empty.set()
        self.counters.stream_closed(stream.dialect)

    def claim(self, producer_id: str, stream: Producer) -> None:
        """Give a producer's numbers to its newest stream; from here on the older one takes nothing more."""
        older = self._producers.get(producer_id)
        self._producers[producer_id] = stream
        if older is not None:
            older.end(StreamEnd(GrpcStatus.ABORTED, "a newer stream of the same producer has taken over"))

    def release(self, producer_id: str, stream: Producer) -> None:
        """The stream no longer speaks for the producer."""
        if self._producers.get(producer_id) is stream:
            del self._producers[producer_id]

    @property
    def closing(self) -> StreamEnd | None:
        """How streams end, once no more are admitted."""
        return self._closing

    def close(self, end: StreamEnd) -> None:
        """Admit no more streams; the server has those that are open ``drain``."""
        self._closing = end

    def end_uploads(self) -> None:
        """Have each answered, once what it sent is stored."""
        error = ApiError("UNAVAILABLE", CloseReason.SERVER_SHUTDOWN.text, retry_after_seconds=1)
        for upload in tuple(self.uploads):
            upload.stop(error)

    def when_writable(self, stream: Producer) -> None:
        """Have ``stream.proceed`` called once the journal takes more: one task for all that wait."""
        self._blocked[stream] = None
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_task(self._wait_writable())

    async def _wait_writable(self) -> None:
        try:
            await self.journal.wait_writable()
        finally:
            self._waiting = None
            blocked, self._blocked = self._blocked, {}
        for stream in blocked:
            stream.proceed()

    async def wait_empty(self) -> None:
        """Return once no stream is open."""
        await self._empty.wait()
