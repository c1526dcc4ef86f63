"""Stages of pipelines, for rules about those that fail.

A journal keeps the last state of each stage and passes every transition to its commit listener. The next turn then
evaluates them. After a start or a takeover by another gateway, the last states are read too:
a stage that failed while no gateway evaluated is found, unless it was started again before.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from components.alerts.evaluation import epoch_seconds
from sessions.transport import Progress

__all__ = ["StageEvent", "StageInbox", "events_of"]

_FAILED: Final = "STAGE_FAILED"
_COMPLETED: Final = "STAGE_COMPLETED"
_ENDS: Final = (b'"STAGE_FAILED"', b'"STAGE_COMPLETED"')
_WAITING_MAX: Final = 10_000


class _Document(msgspec.Struct, rename="camel"):
    status: str
    timestamp: str
    message: str = ""
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class StageEvent:
    """A stage has failed or completed; ``number`` counts the transitions of its pipeline."""

    pipeline_id: str
    stage_id: str
    number: int
    has_failed: bool
    at: float
    message: str


class StageInbox:
    """What the commit listener has heard and no turn has taken. Belongs to an event loop; the oldest go first.

    Attributes:
        is_open: whether anything is kept: whether there is a rule for it.
    """

    def __init__(self) -> None:
        self.is_open = False
        self._waiting: deque[StageEvent] = deque(maxlen=_WAITING_MAX)

    def __repr__(self) -> str:
        return f"<StageInbox {len(self._waiting)}>"

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, progress: Sequence[Progress]) -> None:
        """Transitions were stored; never blocks."""
        if self.is_open:
            self._waiting.extend(
                events_of((each.pipeline_id, each.stage_id, each.number, each.document) for each in progress)
            )

    def put_first(self, events: Sequence[StageEvent]) -> None:
        """These ended before the pending ones."""
        self._waiting.extendleft(reversed(events))

    def snapshot(self) -> list[StageEvent]:
        """The pending transitions."""
        return list(self._waiting)

    def remove(self, taken: Sequence[StageEvent]) -> None:
        """These were evaluated."""
        done = set(taken)
        while self._waiting and self._waiting[0] in done:
            self._waiting.popleft()


def events_of(rows: Iterable[tuple[str, str, int, bytes]]) -> list[StageEvent]:
    """The transitions that are an end; others count for nothing."""
    events = []
    for pipeline_id, stage_id, number, document in rows:
        if not any(end in document for end in _ENDS):
            continue
        stage = msgspec.json.decode(document, type=_Document)
        if stage.status in (_FAILED, _COMPLETED):
            has_failed = stage.status == _FAILED
            said = stage.error_message or stage.message
            events.append(StageEvent(pipeline_id, stage_id, number, has_failed, epoch_seconds(stage.timestamp), said))
    return events
