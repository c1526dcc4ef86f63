"""Encoded runs that sessions after the live end still need, over all channels, bounded in bytes."""

from collections import OrderedDict

from sessions.transport import EncodedBatch

__all__ = ["OVERHEAD_BYTES", "EncodedBatchCache"]

OVERHEAD_BYTES = 256
"""What a run costs beside its data, so that runs without a matching line are bounded as well."""


class EncodedBatchCache:
    """Runs by channel and start; the longest-unused go first. A run that is gone is encoded again by who needs it."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.size = 0
        self._runs: OrderedDict[tuple[int, int], EncodedBatch] = OrderedDict()

    def __repr__(self) -> str:
        return f"<EncodedBatchCache {len(self._runs)} runs {self.size}/{self.bytes_max} bytes>"

    def get(self, channel: int, start: int) -> EncodedBatch | None:
        """The run of a channel that starts after ``start``."""
        key = (channel, start)
        run = self._runs.get(key)
        if run is not None:
            self._runs.move_to_end(key)
        return run

    def put(self, channel: int, run: EncodedBatch) -> None:
        """Keep a run; it replaces one with the same start."""
        self.drop(channel, run.start)
        self._runs[channel, run.start] = run
        self.size += run.size + OVERHEAD_BYTES
        while self.size > self.bytes_max and self._runs:
            self.size -= self._runs.popitem(last=False)[1].size + OVERHEAD_BYTES

    def drop(self, channel: int, start: int) -> None:
        """Forget a run, if it is here."""
        run = self._runs.pop((channel, start), None)
        if run is not None:
            self.size -= run.size + OVERHEAD_BYTES
