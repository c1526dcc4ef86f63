"""What a process has done for the queue since its start, and what exists to do."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from components.automation.tables import AutomationDatabase
from components.automation.tables.depths import QueueDepths, queue_depths
from components.automation.tables.records import QUEUE_TYPES
from storage.errors import StorageError

__all__ = ["QueueCounters", "QueueStatistics", "StageStatistics"]

_SAMPLE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class StageStatistics:
    """Counts of one queue type since the start of this process."""

    completed: int = 0
    failed: int = 0
    """Items that failed for good; a stop is none of them."""
    retries: int = 0
    """Tries that failed and were put off, those of dead schedulers among them."""
    taken_up: int = 0
    """Items that a dead scheduler had left running."""
    tries: int = 0
    seconds: float = 0.0
    """Of all tries together."""


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """Everything at once."""

    stages: MappingProxyType[str, StageStatistics]
    depths: QueueDepths
    holds_lock: bool


@dataclass(slots=True)
class QueueCounters:
    """Belongs to the event loop's thread; ``statistics`` may be read in any."""

    database: AutomationDatabase
    holds_lock: bool = False
    _stages: dict[str, StageStatistics] = field(default_factory=lambda: dict.fromkeys(QUEUE_TYPES, StageStatistics()))
    _depths: QueueDepths = field(default_factory=QueueDepths)

    @property
    def statistics(self) -> QueueStatistics:
        """An immutable snapshot."""
        return QueueStatistics(MappingProxyType(dict(self._stages)), self._depths, self.holds_lock)

    async def run(self) -> None:
        """Count what is pending and runs every 5 s, until cancelled."""
        while True:
            with contextlib.suppress(StorageError):  # others that need the database report it
                self._depths = await asyncio.to_thread(queue_depths, self.database)
            await asyncio.sleep(_SAMPLE_SECONDS)

    def tried(self, queue_type: str, began: float) -> None:
        """A try has ended that began at ``began`` of the monotonic clock."""
        now = self._stages[queue_type]
        seconds = now.seconds + time.monotonic() - began
        self._stages[queue_type] = replace(now, tries=now.tries + 1, seconds=seconds)

    def completed(self, queue_type: str) -> None:
        """An item was completed."""
        now = self._stages[queue_type]
        self._stages[queue_type] = replace(now, completed=now.completed + 1)

    def failed(self, queue_type: str, *, is_tried_again: bool) -> None:
        """A try has failed, and was put off or is the last one."""
        now = self._stages[queue_type]
        self._stages[queue_type] = (
            replace(now, retries=now.retries + 1) if is_tried_again else replace(now, failed=now.failed + 1)
        )

    def taken_up(self, queue_type: str) -> None:
        """An item of a dead scheduler was found."""
        now = self._stages[queue_type]
        self._stages[queue_type] = replace(now, taken_up=now.taken_up + 1)
