"""The limits of the hub, each with its unit."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What sessions may use.

    Attributes:
        sessions_max: sessions at once, log streams and pipelines together.
        buffer_lines: matching lines that a channel keeps in memory for its slowest session; one that is further behind
            is served from the window or the journal.
        lagging_lines: lag from which a session counts as lagging.
        heartbeat_seconds: silence before a heartbeat.
        timeout_seconds: how long a session may make no progress while something waits for it.
        window_bytes_per_task: encoded lines kept of one watched task.
        window_bytes_total: the same over all watched tasks; above it, each may have its equal share.
        run_bytes_max: lines are cut into runs of about this size, so that what is pending in a socket is bounded by it.
        stored_lines_max: lines of one read from the journal; reads end at multiples of it, so that readers which catch
            up on the same stretch share their bytes.
        run_bytes_total: encoded runs kept in memory for sessions that are behind, over all channels.
        tick_seconds: the pause between flushes under load. When idle, a flush happens at once.
        tick_seconds_max: the longest pause that slow flushes may lead to.
    """

    sessions_max: int = 1000
    buffer_lines: int = 1000
    lagging_lines: int = 500
    heartbeat_seconds: float = 30.0
    timeout_seconds: float = 1800.0
    window_bytes_per_task: int = 1 << 20
    window_bytes_total: int = 64 << 20
    run_bytes_max: int = 128 << 10
    stored_lines_max: int = 2048
    run_bytes_total: int = 32 << 20
    tick_seconds: float = 0.012
    tick_seconds_max: float = 0.250
