"""Latencies in buckets, for a summary at the end and for Prometheus on the way."""

from bisect import bisect_left
from typing import Final

__all__ = ["BOUNDS_SECONDS", "Latencies"]

BOUNDS_SECONDS: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0),
)


class Latencies:
    """A histogram of fixed bounds."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_SECONDS) + 1)
        self.sum_seconds = 0.0
        self.worst_seconds = 0.0

    def __repr__(self) -> str:
        return f"<Latencies {self.count}, worst {self.worst_seconds:.3f} s>"

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.buckets)

    def observe(self, seconds: float) -> None:
        """Take one."""
        self.buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.sum_seconds += seconds
        self.worst_seconds = max(self.worst_seconds, seconds)

    def quantile(self, share: float) -> float:
        """A time that this share of all did not exceed: the upper bound of its bucket, at most the worst; 0 of none."""
        wanted = share * self.count
        reached = 0
        for bound, count in zip(BOUNDS_SECONDS, self.buckets, strict=False):
            reached += count
            if reached >= wanted:
                return min(bound, self.worst_seconds)
        return self.worst_seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """The buckets as Prometheus wants them."""
        found, reached = [], 0
        for bound, count in zip((*map(str, BOUNDS_SECONDS), "+Inf"), self.buckets, strict=True):
            reached += count
            found.append((bound, float(reached)))
        return found
