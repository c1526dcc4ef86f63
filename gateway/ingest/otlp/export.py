"""Storing one export request: read in slices, appended in parts, answered when all of it is stored."""

import asyncio
import random
from typing import Final, NamedTuple

from gateway.auth import Principal
from gateway.errors import ApiError
from gateway.http.json_bodies import BodyBudget
from gateway.ingest.authentication import AuthorizationCache
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.decoding import DecodeError
from gateway.ingest.open_tasks import StreamTasks
from gateway.ingest.otlp.entries import OtlpEntries
from gateway.ingest.otlp.mapping import OtlpMapping
from gateway.ingest.otlp.records import Groups
from gateway.ingest.otlp.values import ValueTooDeepError
from gateway.ingest.registry import ProducerRegistry
from storage.errors import StorageError

__all__ = ["OTLP_MISSING", "Exporter", "Outcome"]

OTLP_MISSING: Final = "OTLP needs a package that is not installed here: pip install 'otto-log-gateway[otlp]'"

_PART_BYTES: Final = 1 << 20
"""What is appended at a time: memory holds a part of a request as entries, not all of it."""
_WAIT_SECONDS_MAX: Final = 10.0
"""For room in the journal, once a part of a request is stored; exporters give up after 10 s by default."""
_RETRY_SECONDS: Final = (1, 3)
_BODIES_BYTES_MAX: Final = 64 << 20


class Outcome(NamedTuple):
    """What became of a request that was answered: records that can never be stored, and why the first cannot."""

    rejected: int = 0
    problem: str = ""


class Exporter:
    """Takes export requests of both transports.

    Attributes:
        registry: of the producers, among which exporters count.
        budget: bytes of requests that may be held at a time.
    """

    def __init__(self, registry: ProducerRegistry, mapping: OtlpMapping) -> None:
        self.registry = registry
        self.budget = BodyBudget(_BODIES_BYTES_MAX)
        self._mapping = mapping

    def __repr__(self) -> str:
        return f"<Exporter {self.budget!r}>"

    def check_room(self) -> None:
        """Check that a request may be accepted now.

        Raises:
            ApiError: UNAVAILABLE: too much data is waiting for storage.
        """
        if not self.registry.journal.is_writable:
            self.registry.counters.refused(Dialect.OTLP, Refusal.UNAVAILABLE)
            raise _come_back("too many lines wait for storage; send the request again")

    def no_request(self, error: DecodeError) -> ApiError:
        """The refusal of what cannot be decoded."""
        self.registry.counters.refused(Dialect.OTLP, Refusal.PROTOCOL)
        return ApiError("INVALID_ARGUMENT", f"this is not an ExportLogsServiceRequest: {error}")

    async def export(self, groups: Groups, size: int, principal: Principal) -> Outcome:
        """Store a request's records; ``size`` in bytes is only counted.

        If it fails in the middle, its first parts are stored, and duplicated when it is sent again: OTLP has no
        numbers by which they could be recognised.

        Raises:
            ApiError: UNAVAILABLE: send it again. INVALID_ARGUMENT: it is no request. PERMISSION_DENIED: of none of its
                tasks may lines be written.
        """
        registry = self.registry
        entries = OtlpEntries(AuthorizationCache(principal), self._mapping, registry.limits)
        tasks = StreamTasks(registry.tasks, registry.limits.stream_tasks_max)
        try:
            for group in groups:
                entries.take(group)
                if entries.size >= _PART_BYTES:
                    await self._store(entries, tasks)
                else:
                    await asyncio.sleep(0)
            await self._store(entries, tasks)
        except DecodeError as error:
            raise self.no_request(error) from error
        except ValueTooDeepError as error:
            registry.counters.refused(Dialect.OTLP, Refusal.FIELD)
            raise ApiError("INVALID_ARGUMENT", f"an attribute of a resource cannot be read: {error}") from error
        finally:
            tasks.close()
            self._count(entries, size)
        if entries.denied is not None and not entries.lines:
            raise entries.denied
        return Outcome(entries.rejected, entries.problem)

    async def _store(self, entries: OtlpEntries, tasks: StreamTasks) -> None:
        """Append what was read, and return when it is stored."""
        journal = self.registry.journal
        batches = entries.taken()
        if not batches:
            return
        if not journal.is_writable:
            await self._wait_writable()
        for batch in batches:
            tasks.add(batch.task_id)
        outcomes = await asyncio.gather(*map(self.registry.masks.append, batches), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, StorageError):
                self.registry.counters.refused(Dialect.OTLP, Refusal.UNAVAILABLE)
                raise _come_back(f"{outcome}; send the request again") from outcome
            if isinstance(outcome, BaseException):
                raise outcome

    async def _wait_writable(self) -> None:
        try:
            async with asyncio.timeout(_WAIT_SECONDS_MAX):
                await self.registry.journal.wait_writable()
        except TimeoutError:
            self.check_room()

    def _count(self, entries: OtlpEntries, size: int) -> None:
        counters = self.registry.counters
        counters.received(Dialect.OTLP, entries.lines, size)
        if entries.rejected:
            counters.refused(
                Dialect.OTLP, Refusal.AUTHENTICATION if entries.denied else Refusal.FIELD, entries.rejected
            )
        if entries.trimmed:
            counters.refused(Dialect.OTLP, Refusal.METADATA, entries.trimmed)
        if entries.truncated:
            counters.truncated(Dialect.OTLP, entries.truncated)


def _come_back(text: str) -> ApiError:
    seconds = random.randint(*_RETRY_SECONDS)  # noqa: S311 - jitter, not a secret
    return ApiError("UNAVAILABLE", text, retry_after_seconds=seconds)
