"""What a peer may ask for that costs the server and brings nothing: token buckets."""

import time
from collections.abc import Callable

__all__ = ["TokenBucket"]


class TokenBucket:
    """Tokens up to ``burst``, refilled at ``per_second``; what is taken beyond them is an abuse.

    Time is looked at when they are used up, not with each one that is taken; so up to twice the burst may go at once.

    Rapid Reset (CVE-2023-44487) and MadeYouReset (CVE-2025-8671) are one bucket, floods of frames that carry nothing
    another: h2 has no limit for either.
    """

    __slots__ = ("_burst", "_clock", "_filled_at", "_per_second", "_tokens")

    def __init__(self, burst: float, per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = self._tokens = float(burst)
        self._per_second = per_second
        self._clock = clock
        self._filled_at = clock()

    def __repr__(self) -> str:
        return f"<TokenBucket {self._tokens:.0f} of {self._burst:.0f}>"

    def take(self, count: float = 1.0) -> bool:
        """Take tokens; False if there are not as many."""
        if self._tokens < count:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
            self._filled_at = now
            if self._tokens < count:
                return False
        self._tokens -= count
        return True

    def give(self, count: float) -> None:
        """Put tokens back, up to the burst."""
        self._tokens = min(self._burst, self._tokens + count)
