"""What the reader asks of a database; each engine answers with statements of its own."""

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from storage.journal.history import KnownTask, WorkerRecord
from storage.journal.inventory import StoredChunk, StoredTask

__all__ = ["END_KIND", "INLINE_BYTES_MAX", "LINES_KIND", "Bounds", "Queries", "RecordRow", "Span", "StateRow"]

LINES_KIND: Final = 0
END_KIND: Final = 1

INLINE_BYTES_MAX: Final = 4096
"""Payloads up to this size come along with the bounds: a query for each would cost more than reading some in vain."""

RecordRow: TypeAlias = tuple[int, str, int, int, int, int, int, int, bytes]
"""Id, task, kind, first and last sequence, codec, raw size, checksum, payload."""

StateRow: TypeAlias = tuple[int, int, str | None, str, str, int | bool]
"""First and last sequence; status (None: open), time and reason of the end, and whether it followed from reports."""


class Bounds(NamedTuple):
    """What is known of a chunk without opening it."""

    record_id: int
    first: int
    last: int
    levels: int
    earliest: str
    latest: str
    codec: int
    raw_size: int
    checksum: int
    payload: bytes | None


class Span(NamedTuple):
    """Consecutive chunks of a task, with the summary of their text; see ``filters.text_summary``."""

    first: int
    last: int
    summary: bytes


class Queries(Protocol):
    """One connection for reading; belongs to one thread."""

    def close(self) -> None:
        """Close the connection; no query is running."""
        ...

    def state(self, task_id: str) -> StateRow | None:
        """What exists of a task."""
        ...

    def task(self, task_id: str) -> tuple[int, int, int] | None:
        """Key, first and last sequence of a task."""
        ...

    def bounds_after(self, key: int, sequence: int, rows_max: int) -> Sequence[Bounds]:
        """Chunks of a task that end after a sequence, in order."""
        ...

    def bounds_before(self, key: int, sequence: int, rows_max: int) -> Sequence[Bounds]:
        """Chunks of a task that end before a sequence, the last one first."""
        ...

    def spans_after(self, key: int, sequence: int, rows_max: int) -> Sequence[Span]:
        """Summaries of a task that end after a sequence, in order."""
        ...

    def spans_before(self, key: int, sequence: int, rows_max: int) -> Sequence[Span]:
        """Summaries of a task that end before a sequence, the last one first."""
        ...

    def payload(self, record_id: int) -> bytes | None:
        """The payload of a record; None if it is not there."""
        ...

    def records(self, after: int, bytes_max: int) -> Generator[RecordRow, None, None]:
        """Some records after ``after`` in commit order; as many as fit in, or more that are read only if taken."""
        ...

    def newest_record(self) -> int:
        """The id of the newest record before which none is still to come; 0 if there is none."""
        ...

    def last_number(self, producer_id: str) -> int:
        """See ``Journal.last_number``."""
        ...

    def stages(self, pipeline_id: str) -> Sequence[tuple[str, bytes, int]]:
        """Stages of a pipeline: id, document, number; ordered by number."""
        ...

    def workers(self, task_id: str, count_max: int) -> tuple[Sequence[str], int]:
        """Some workers of a task by name, and how many there are."""
        ...

    def worker_records(self, task_id: str, count_max: int) -> Sequence[WorkerRecord]:
        """What some workers of a task reported; those that failed come first."""
        ...

    def newest_tasks(self, below: int, snapshot: int, status: str, count_max: int) -> Sequence[KnownTask]:
        """See ``HistoryReads.newest_tasks``."""
        ...

    def count_tasks(self, status: str, count_max: int) -> int:
        """See ``HistoryReads.count_tasks``."""
        ...

    def stored_tasks(self, after: str, count_max: int) -> Sequence[StoredTask]:
        """See ``Inventory.stored_tasks``."""
        ...

    def last_sequences(self, task_ids: Collection[str]) -> Mapping[str, int]:
        """See ``Journal.last_sequences``."""
        ...

    def stored_chunks(self, task_id: str, after: int, count_max: int) -> Sequence[StoredChunk]:
        """See ``Inventory.stored_chunks``."""
        ...
