"""Entries as events: the lines of one trace or diagnostic together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from filters.entry import LogEntry
from filters.events import EVENT_LINE, WorkerEvents
from filters.level_detection import strip_ansi

__all__ = ["SEVERE", "Event", "events_of"]

SEVERE = frozenset({"ERROR", "FATAL"})


@dataclass(slots=True)
class Event:
    """Lines of one source of one worker that belong together; ``texts`` are without colours."""

    worker_id: str
    level: str
    first: int
    last: int
    texts: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The first line."""
        return self.texts[0].strip()


def events_of(entries: Sequence[LogEntry], *, are_levels_known: bool) -> list[Event]:
    """The events that are errors, in their order.

    Args:
        entries: ascending.
        are_levels_known: False if the producer reported every line as INFO; levels are then detected again.
    """
    open_events: dict[tuple[str, str], Event] = {}
    found: list[Event] = []
    for entry, level, number in _read(entries, are_levels_known=are_levels_known):
        if level not in SEVERE:
            continue
        key = (entry.worker_id, entry.source)
        event = open_events.get(key)
        if number < 2 or event is None:
            event = open_events[key] = Event(entry.worker_id, level, entry.sequence, entry.sequence)
            found.append(event)
        event.last = entry.sequence
        event.texts.append(strip_ansi(entry.message))
    return found


def _read(entries: Sequence[LogEntry], *, are_levels_known: bool) -> Iterable[tuple[LogEntry, str, int]]:
    """Entries with their level and which line of its event each is."""
    workers: dict[str, WorkerEvents] = {}
    for entry in entries:
        level, metadata = entry.level, entry.metadata
        if not are_levels_known:
            level, metadata = workers.setdefault(entry.worker_id, WorkerEvents()).read(
                entry.source, entry.message, metadata
            )
        number = (metadata or {}).get(EVENT_LINE, "1")
        yield entry, level, int(number) if number.isdecimal() and len(number) < 10 else 1
