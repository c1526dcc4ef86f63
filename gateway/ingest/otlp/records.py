"""Log records of OTLP in one form, whether they came as protobuf or as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Group", "Groups", "Record", "Resource"]


class Record(NamedTuple):
    """One log record; ``time`` in nanoseconds since 1970, 0: it says none. Ids are hexadecimal, empty: none.

    ``problem``: why it cannot be stored; the other fields mean nothing then.
    """

    time: int = 0
    severity: int = 0
    severity_text: str = ""
    body: Any = None
    attributes: dict[str, Any] = {}  # noqa: RUF012 - never changed
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""
    problem: str = ""


@dataclass(slots=True)
class Resource:
    """What records have in common: attributes of their resource, name and version of their scope."""

    attributes: dict[str, Any] = field(default_factory=dict)
    scope_name: str = ""
    scope_version: str = ""


class Group(NamedTuple):
    """Consecutive records of one resource and scope: a slice that one turn of the event loop can take.

    ``size``: their bytes in the request.
    """

    resource: Resource
    records: list[Record]
    size: int


Groups: TypeAlias = Iterator[Group]
