"""What a journal holds, for retention to decide what may go."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Inventory", "Removed", "RemovedTasks", "StoredChunk", "StoredTask"]


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A task that has lines: ``first..last``, and the ``bytes`` that they take, compressed.

    ``oldest_at`` and ``newest_at`` are Unix seconds, at or after the moment that its first and its last chunk were
    stored. ``last_record`` is the id of its last chunk: it orders tasks by how long they have been idle.
    """

    task_id: str
    first: int
    last: int
    bytes: int
    oldest_at: float
    newest_at: float
    last_record: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """Lines up to ``last`` that are removed together or not at all; ``stored_at`` as in ``StoredTask``."""

    record: int
    last: int
    bytes: int
    stored_at: float


@dataclass(frozen=True, slots=True)
class Removed:
    """What one step of a removal took away, and the seconds of the database's time that it took for it.

    ``is_done``: there is nothing more to remove for now.
    """

    lines: int = 0
    bytes: int = 0
    is_done: bool = True
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class RemovedTasks:
    """What one step took away of several tasks: all lines of ``task_ids``, and nothing of others."""

    task_ids: Sequence[str] = ()
    lines: int = 0
    bytes: int = 0
    seconds: float = field(default=0.0, compare=False)


class Inventory(Protocol):
    """The questions by which it is decided what may go."""

    async def stored_tasks(self, after: str, *, count_max: int) -> Sequence[StoredTask]:
        """Tasks that have lines, after ``after`` in the order of their ids (``""``: from the first on)."""
        ...

    async def stored_chunks(self, task_id: str, after: int, *, count_max: int) -> Sequence[StoredChunk]:
        """Chunks of a task that end after the sequence ``after``, in order."""
        ...
