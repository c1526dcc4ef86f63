"""The states of a session, and which may follow which."""

from enum import Enum
from typing import Final, Self

__all__ = ["SessionState"]


class SessionState(Enum):
    """Where a session is in its life."""

    STARTING = "starting"
    """It is being found out where it starts."""
    LIVE = "live"
    """It has everything up to its channel's head; the next flush writes to it."""
    BLOCKED = "blocked"
    """Its transport takes no more for now."""
    READING = "reading"
    """It is far behind, and waits for its turn or for lines from the journal."""
    AHEAD = "ahead"
    """It is after its channel's head: it asked to start after a line that does not exist yet, or another channel, whose
    filter it had before, has given it more than this one has flushed."""
    CLOSED = "closed"

    def to(self, state: Self) -> Self:
        """The next state, which may be the same.

        Raises:
            RuntimeError: it may not follow this one.
        """
        if state is not self and state not in _NEXT[self]:
            raise RuntimeError(f"a session cannot go from {self.value} to {state.value}")
        return state


_NEXT: Final = {
    SessionState.STARTING: frozenset(
        {SessionState.LIVE, SessionState.BLOCKED, SessionState.READING, SessionState.AHEAD, SessionState.CLOSED}
    ),
    SessionState.LIVE: frozenset({SessionState.BLOCKED, SessionState.READING, SessionState.AHEAD, SessionState.CLOSED}),
    SessionState.BLOCKED: frozenset({SessionState.LIVE, SessionState.READING, SessionState.AHEAD, SessionState.CLOSED}),
    SessionState.READING: frozenset({SessionState.LIVE, SessionState.BLOCKED, SessionState.AHEAD, SessionState.CLOSED}),
    SessionState.AHEAD: frozenset({SessionState.LIVE, SessionState.BLOCKED, SessionState.READING, SessionState.CLOSED}),
    SessionState.CLOSED: frozenset(),
}
