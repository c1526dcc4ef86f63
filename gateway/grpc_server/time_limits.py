"""The deadlines of a connection; a pure state machine, the caller passes the time."""

from gateway.grpc_server.limits import ServerLimits

__all__ = ["ConnectionTimes"]


class ConnectionTimes:
    """Moments of one connection, on the monotonic clock; None: not at the moment.

    Attributes:
        heard_at: something of the peer arrived last.
        idle_since: it has no call.
        headers_since: a request's headers are incomplete.
        frame_since: a frame is incomplete.
        congested_since: the peer takes nothing of what is written.
    """

    __slots__ = (
        "_limits",
        "_made_at",
        "_pinged_at",
        "congested_since",
        "frame_since",
        "headers_since",
        "heard_at",
        "idle_since",
    )

    def __init__(self, limits: ServerLimits, now: float) -> None:
        self._limits = limits
        self._made_at = self.heard_at = self.idle_since = now
        self._pinged_at: float | None = None
        self.headers_since: float | None = None
        self.frame_since: float | None = None
        self.congested_since: float | None = None

    def __repr__(self) -> str:
        return f"<ConnectionTimes heard at {self.heard_at:.1f}>"

    def note_parts(self, *, is_amid_frame: bool, is_in_headers: bool) -> None:
        """What is incomplete after everything that has arrived was looked at."""
        self.frame_since = _since(self.frame_since, self.heard_at) if is_amid_frame else None
        self.headers_since = _since(self.headers_since, self.heard_at) if is_in_headers else None

    def note_congestion(self, now: float) -> None:
        """The peer takes nothing more, and is not read meanwhile."""
        self.congested_since = now

    def note_relief(self, now: float) -> None:
        """The peer takes what is written, and is read again: it has the whole time for what is incomplete."""
        self.congested_since = None
        self.frame_since = now if self.frame_since is not None else None
        self.headers_since = now if self.headers_since is not None else None

    def is_unresponsive(self, now: float, *, has_settings: bool) -> bool:
        """Whether the peer reads nothing, or has not begun to speak HTTP/2: no GOAWAY would reach it."""
        limits = self._limits
        if self.congested_since is not None:
            return now - self.congested_since > limits.unread_seconds_max
        return not has_settings and now - self._made_at > limits.preface_seconds_max

    def overdue(self, now: float) -> str:
        """What is not complete in time, in words; empty: nothing."""
        if self.congested_since is not None:
            return ""
        if self.headers_since is not None and now - self.headers_since > self._limits.header_seconds_max:
            return "headers are not complete in time"
        if self.frame_since is not None and now - self.frame_since > self._limits.frame_seconds_max:
            return "a frame is not complete in time"
        return ""

    def is_idle_too_long(self, now: float, *, is_welcome: bool) -> bool:
        """Whether a connection without calls should leave; ``is_welcome``: it has had an admitted one."""
        seconds_max = self._limits.idle_seconds_max if is_welcome else self._limits.strange_seconds_max
        return now - self.idle_since > seconds_max

    def wants_ping(self, now: float) -> bool:
        """Whether to ask a silent peer whether it is there, from now on; TCP alone would notice after hours."""
        seconds = self._limits.keepalive_seconds
        if not seconds or self._is_asked or now - self.heard_at <= seconds:
            return False
        self._pinged_at = now
        return True

    def is_dead(self, now: float) -> bool:
        """Whether it has not answered in time."""
        pinged_at = self._pinged_at
        if pinged_at is None or not self._is_asked:
            return False
        return now - pinged_at > self._limits.keepalive_timeout_seconds

    @property
    def _is_asked(self) -> bool:
        """Whether nothing was heard since the last PING."""
        return self._pinged_at is not None and self.heard_at <= self._pinged_at


def _since(since: float | None, now: float) -> float:
    return now if since is None else since
