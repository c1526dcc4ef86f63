"""What a run printed and the last good run of the same name did not, and the other way round. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from filters.entry import LogEntry
from filters.events import EVENT_LINE
from filters.level_detection import strip_ansi
from gateway.history.failure.events import Event
from gateway.history.failure.templates import Templates

__all__ = ["Comparison", "GoodRun", "LabelChange", "MessageKind", "RunLines", "TaskComparison", "compare"]

_MESSAGE_CHARACTERS: Final = 200
_KINDS_MAX: Final = 50
_SEVERITY: Final = {"FATAL": 0, "ERROR": 1, "WARN": 2}
_UNLIKE: Final = ("build", "execution", "podName", "nodeName", "pod-template-hash")
"""Labels that differ in every two runs."""


class MessageKind(msgspec.Struct, rename="camel"):
    """Lines that differ in numbers and names alone: the first of them, and how many there are."""

    sequence: int
    worker_id: str
    level: str
    message: str
    count: int


class LabelChange(msgspec.Struct):
    """A label that the runs do not have in common. Null: that run does not have it."""

    name: Annotated[str, msgspec.Meta(examples=["branch"])]
    before: str | None
    now: str | None


class Comparison(msgspec.Struct, rename="camel", kw_only=True):
    """A run beside the last good one of the same name."""

    task_id: Annotated[str, msgspec.Meta(description="The run that it is compared with.", examples=["build-6"])]
    ended_at: str | None
    lines: int
    duration_seconds: float | None
    labels: Annotated[list[LabelChange], msgspec.Meta(description="Those that differ.")]
    appeared: Annotated[list[MessageKind], msgspec.Meta(description="What only this run says, errors first.")]
    appeared_count: int
    disappeared: Annotated[list[MessageKind], msgspec.Meta(description="What only the good run says, in its order.")]
    disappeared_count: int
    is_complete: Annotated[
        bool, msgspec.Meta(description="False: of one of them only warnings and errors were compared.")
    ]

    def shortened(self, kinds_max: int) -> "Comparison":
        """With so many kinds of messages at most; the counts stay."""
        return msgspec.structs.replace(
            self, appeared=self.appeared[:kinds_max], disappeared=self.disappeared[:kinds_max]
        )


class TaskComparison(msgspec.Struct, rename="camel"):
    """What is different from another run."""

    task_id: str
    comparison: Annotated[
        Comparison | None, msgspec.Meta(description="Null: no earlier run of the same name has ended well.")
    ]


@dataclass(frozen=True, slots=True)
class RunLines:
    """Lines of a run: all of them, or only warnings and errors if there are too many."""

    entries: Sequence[LogEntry]
    is_complete: bool


@dataclass(slots=True)
class GoodRun:
    """What is known of the last good run: how often it says what.

    Attributes:
        templates: of its lines, first lines of events alone.
    """

    lines: RunLines
    templates: Templates = field(default_factory=Templates)
    _counts: dict[int, int] = field(default_factory=dict)
    _first: dict[int, LogEntry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _count(self.lines.entries, self.templates, self._counts, self._first)

    def count_of(self, event: Event) -> int:
        """How many lines like an event's first one it has."""
        number = self.templates.find(event.texts[0])
        return 0 if number is None else self._counts.get(number, 0)

    def differences(self, run: RunLines) -> tuple[list[MessageKind], list[MessageKind]]:
        """What only the other run says, errors first, and what only this one says, each in its order."""
        counts: dict[int, int] = {}
        first: dict[int, LogEntry] = {}
        is_complete = run.is_complete and self.lines.is_complete
        _count(run.entries, self.templates, counts, first)
        appeared = _kinds(counts, first, self._counts, is_complete=is_complete)
        appeared.sort(key=lambda kind: _SEVERITY.get(kind.level, 3))
        return appeared, _kinds(self._counts, self._first, counts, is_complete=is_complete)


def _count(
    entries: Sequence[LogEntry], templates: Templates, counts: dict[int, int], first: dict[int, LogEntry]
) -> None:
    for entry in entries:
        if (entry.metadata is not None and EVENT_LINE in entry.metadata) or not entry.message.strip():
            continue
        number = templates.add(entry.message)
        counts[number] = counts.get(number, 0) + 1
        first.setdefault(number, entry)


def _kinds(
    counts: Mapping[int, int], first: Mapping[int, LogEntry], others: Mapping[int, int], *, is_complete: bool
) -> list[MessageKind]:
    return [
        MessageKind(entry.sequence, entry.worker_id, entry.level, _shown(entry.message), counts[number])
        for number, entry in first.items()
        if number >= 0 and number not in others and (is_complete or entry.level in _SEVERITY)
    ]


def _shown(message: str) -> str:
    return strip_ansi(message).strip()[:_MESSAGE_CHARACTERS]


def compare(
    good: GoodRun,
    run: RunLines,
    *,
    task_id: str,
    ended_at: str | None,
    lines: int,
    duration_seconds: float | None,
    labels: tuple[Mapping[str, str], Mapping[str, str]],
) -> Comparison:
    """The comparison.

    Args:
        good: the lines of the run that it is compared with.
        run: those of the other one.
        task_id: of the good run.
        ended_at: of the good run.
        lines: how many the good run has.
        duration_seconds: of the good run.
        labels: of the good run, and of the other.
    """
    before, now = labels
    appeared, disappeared = good.differences(run)
    return Comparison(
        task_id=task_id,
        ended_at=ended_at,
        lines=lines,
        duration_seconds=duration_seconds,
        labels=[
            LabelChange(name, before.get(name), now.get(name))
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name) and name not in _UNLIKE
        ],
        appeared=appeared[:_KINDS_MAX],
        appeared_count=len(appeared),
        disappeared=disappeared[:_KINDS_MAX],
        disappeared_count=len(disappeared),
        is_complete=run.is_complete and good.lines.is_complete,
    )
