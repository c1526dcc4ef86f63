"""What is read: entries of tasks, and what narrows them down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Entry", "Gap", "LogFilter", "LogPage", "SearchHit", "Update"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which lines: AND between fields, OR inside one; empty: any.

    Attributes:
        expression: a filter as it is typed, such as ``timeout -retry level:ERROR``.
        start_time: RFC 3339; lines from then on.
        end_time: RFC 3339; lines until then.
    """

    levels: Sequence[str] = ()
    keywords: Sequence[str] = ()
    worker_ids: Sequence[str] = ()
    sources: Sequence[str] = ()
    start_time: str = ""
    end_time: str = ""
    expression: str = ""

    def query(self) -> list[tuple[str, str]]:
        """As the gateway's parameters."""
        lists = (
            *(("level", self.levels), ("keywords", self.keywords)),
            *(("workerId", self.worker_ids), ("source", self.sources)),
        )
        texts = (("startTime", self.start_time), ("endTime", self.end_time), ("filter", self.expression))
        return [(name, value) for name, values in lists for value in values] + [pair for pair in texts if pair[1]]


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines ``first`` to ``last`` that no longer exist; ``reason`` is ``retention`` or ``damaged``."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a task.

    Attributes:
        sequence: 1, 2, 3, … within the task.
        timestamp: RFC 3339 in UTC with nine digits.
        position: where to resume after this line; empty in hits of a search.
        original_size: of a message that was cut, its bytes before that; else 0.
    """

    task_id: str
    worker_id: str
    sequence: int
    timestamp: str
    level: str
    source: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    pod_metadata: Mapping[str, Any] = field(default_factory=dict)
    original_size: int = 0
    position: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, Any], position: str = "") -> "Entry":
        """An entry of the gateway's JSON."""
        return cls(
            task_id=str(fields["taskId"]),
            worker_id=str(fields["workerId"]),
            sequence=int(fields["sequence"]),
            timestamp=str(fields["timestamp"]),
            level=str(fields["level"]),
            source=str(fields["source"]),
            message=str(fields["message"]),
            metadata=fields.get("metadata") or {},
            pod_metadata=fields.get("podMetadata") or {},
            original_size=int(fields.get("originalSize", 0)),
            position=position,
        )


@dataclass(frozen=True, slots=True)
class LogPage:
    """Stored lines of one task, ascending. ``next`` is the ``after`` of the page behind, ``previous`` the ``before``
    of the page in front; ``is_restart``: the position was of a journal that was replaced, and this begins anew.
    """

    entries: Sequence[Entry]
    status: str
    next: str
    previous: str | None
    has_next: bool
    has_previous: bool
    gaps: Sequence[Gap]
    is_restart: bool


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A line that was found, and those around it."""

    entry: Entry
    before: Sequence[Entry]
    after: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Update:
    """Something has changed.

    Attributes:
        kind: ``open`` (a connection was made: read lists anew), ``incident``, ``logsUpdated`` or ``progress``; others
            may be added.
        data: the gateway's document for it; empty for ``open``.
    """

    kind: str
    data: Mapping[str, Any]
