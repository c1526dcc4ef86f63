"""How long to wait before trying again: exponential, with full jitter."""

import random
from collections.abc import Callable

__all__ = ["Backoff"]


class Backoff:
    """Gives a random delay below a bound that doubles with every attempt.

    Full jitter (anything from 0 to the bound) spreads the clients of a gateway that was restarted better than a delay
    with some noise on it: M. Brooker, "Exponential Backoff And Jitter", 2015.
    """

    def __init__(
        self, base_seconds: float, seconds_max: float, rng: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._base = base_seconds
        self._max = seconds_max
        self._rng = rng
        self._attempt = 0

    def __repr__(self) -> str:
        return f"<Backoff attempt={self._attempt} bound={self._bound():g} s>"

    def _bound(self) -> float:
        return float(min(self._max, self._base * 2 ** min(self._attempt, 32)))

    def next_delay_seconds(self) -> float:
        """The delay before the next attempt."""
        delay = self._rng(0.0, self._bound())
        self._attempt += 1
        return delay

    def reset(self) -> None:
        """Something has worked: the next delay is a first one again."""
        self._attempt = 0

    def set_base(self, base_seconds: float) -> None:
        """The other side has said what to start with; the attempts that have failed still count."""
        self._base = base_seconds
