"""A back-off that waits for nothing and remembers how long it might have waited."""

from otto_logs._backoff import Backoff

__all__ = ["RecordedBackoff"]


class RecordedBackoff(Backoff):
    """Every delay is 0 seconds; ``bounds`` are those of the delays so far."""

    def __init__(self, base_seconds: float, seconds_max: float) -> None:
        super().__init__(base_seconds, seconds_max, rng=self._record)
        self.bounds: list[float] = []

    def _record(self, least: float, bound: float) -> float:
        self.bounds.append(bound)
        return least
