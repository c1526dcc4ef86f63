"""The few figures that a person looks at first, as the health page and Socket.IO's ``server-stats`` show them."""

import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.transports.server_figures import ServerFigures

__all__ = ["PAGE_BYTES", "STATM", "SummaryStats", "Totals", "resident_bytes", "timestamp"]

WINDOW_SECONDS: Final = 10.0
SAMPLE_SECONDS: Final = 1.0

STATM: Final = Path("/proc/self/statm")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Totals:
    """What only grows, since the start.

    ``latency_seconds`` is the sum over ``latencies`` measurements of how long a line took from its arrival to its
    subscribers.
    """

    received: int = 0
    delivered: int = 0
    errors: int = 0
    latency_seconds: float = 0.0
    latencies: int = 0


class SummaryStats:
    """Rates over the last ten seconds, from totals that are looked at once a second.

    Args:
        totals: the totals of now; cheap.
        active: open sessions, over all transports.
        clock: seconds that only grow.
    """

    def __init__(
        self, totals: Callable[[], Totals], active: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._totals = totals
        self._active = active
        self._clock = clock
        self._started_at = clock()
        self._samples: deque[tuple[float, Totals]] = deque()
        self.sample()

    def __repr__(self) -> str:
        return f"<SummaryStats {self.server_statistics()}>"

    def sample(self) -> None:
        """Look at the totals; to be called every ``SAMPLE_SECONDS``."""
        now = self._clock()
        # One sample from before the window stays: the window's rates start from it.
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()
        self._samples.append((now, self._totals()))

    def server_statistics(self) -> ServerFigures:
        """The figures of now."""
        now, totals = self._clock(), self._totals()
        then, before = self._samples[0]
        seconds = max(now - then, SAMPLE_SECONDS)
        received, errors = totals.received - before.received, totals.errors - before.errors
        latencies = totals.latencies - before.latencies
        latency = (totals.latency_seconds - before.latency_seconds) / latencies if latencies else 0.0
        return ServerFigures(
            active_connections=self._active(),
            messages_per_second=round(received / seconds, 1),
            deliveries_per_second=round((totals.delivered - before.delivered) / seconds, 1),
            average_latency=round(latency * 1000, 2),
            error_rate=round(errors / (received + errors), 4) if errors else 0.0,
            memory_usage=resident_bytes(),
            uptime_seconds=int(now - self._started_at),
        )


def resident_bytes() -> int:
    """Resident memory of this process; its peak if the system does not report the current value."""
    try:
        return int(STATM.read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def timestamp() -> str:
    """Now, as RFC 3339 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
