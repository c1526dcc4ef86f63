"""Whether the gateway can take lines and serve them, and what of it cannot."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from gateway.monitoring.metrics import HasStatistics
from storage.errors import StorageError
from storage.journal.interface import Journal
from storage.polling import SinkStatistics

__all__ = ["Dependency", "Health", "HealthReport", "Phase"]

_PROBED_TASK: Final = "\x00"
"""No identifier has a control character, so this task has no lines, and asking for it is one look at an index."""
_PROBE_SECONDS_MAX: Final = 2.0
_REPORT_SECONDS: Final = 1.0
"""How long a report is good: anybody may ask for it, as often as they like."""


class Phase(Enum):
    """Where the process is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that the gateway needs; ``is_needed``: without it no line is taken or served.

    ``figures`` are details beside the error, visible to everybody.
    """

    name: str
    error: str = ""
    is_needed: bool = True
    figures: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The health of a moment. ``reason`` is a sentence where it is not healthy, else empty."""

    reason: str
    dependencies: tuple[Dependency, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether lines are taken and served."""
        return not self.reason


class ProbedKeys(Protocol):
    """What is asked of anyone who verifies tokens."""

    @property
    def problem(self) -> str | None: ...


class Health:
    """Asks the parts, at most once a second.

    Args:
        journal: read once per report; what hinders its writer, it says itself.
        sink: the polling tables. The live path does not need them, so their errors are shown and change nothing else.
        others: dependencies that only some gateways have.
        keys: what tokens are verified with. Without new keys, those that it has continue working.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        journal: Journal,
        sink: HasStatistics[SinkStatistics],
        keys: ProbedKeys,
        *,
        others: Sequence[Callable[[], Dependency]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.phase = Phase.STARTING
        self._journal = journal
        self._sink = sink
        self._keys = keys
        self._others = others
        self._clock = clock
        self._lock = asyncio.Lock()
        self._dependencies: tuple[Dependency, ...] = ()
        self._asked_at = -math.inf  # never

    def __repr__(self) -> str:
        return f"<Health {self.phase.value}>"

    async def report(self) -> HealthReport:
        """The health of now, or of less than a second ago."""
        async with self._lock:
            if self._clock() - self._asked_at >= _REPORT_SECONDS:
                self._dependencies = (
                    Dependency("journal", await self._journal_error()),
                    Dependency("pollingTables", self._sink.statistics.error, is_needed=False),
                    Dependency("tokenKeys", self._keys.problem or "", is_needed=False),
                    *(other() for other in self._others),
                )
                self._asked_at = self._clock()
        return HealthReport(self._reason(), self._dependencies)

    def _reason(self) -> str:
        if self.phase is Phase.STARTING:
            return "the gateway is starting"
        if self.phase is Phase.STOPPING:
            return "the gateway is shutting down"
        return next((each.error for each in self._dependencies if each.error and each.is_needed), "")

    async def _journal_error(self) -> str:
        if error := self._journal.statistics.error:
            return error
        try:
            async with asyncio.timeout(_PROBE_SECONDS_MAX):
                await self._journal.task_state(_PROBED_TASK)
        except TimeoutError:
            return f"the journal has not answered for {_PROBE_SECONDS_MAX:.0f} s"
        except StorageError as error:
            return str(error)
        return ""
