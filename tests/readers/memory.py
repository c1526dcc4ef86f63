"""What the gateway may use for its readers, from its settings; the formula of docs/operations.md."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["MemoryBound", "forget_peak", "peak_bytes", "resident_bytes"]

_KILO = 1 << 10
_MEGA = 1 << 20

RUN_BYTES = 128 * _KILO
"""A run, the unit of writing."""
SSE_BYTES = 64 * _KILO + RUN_BYTES + 40 * _KILO
"""High-water mark of the connection, the run that crosses it, and the connection itself."""
SOCKET_IO_BYTES = 256 * _KILO + RUN_BYTES + 64 * _KILO + RUN_BYTES + 100 * _KILO
"""Runs in flight and the one that crosses the limit, the same for the high-water mark below, and the connection."""
CHUNK_CACHE_BYTES = 16 * _MEGA
"""Opened chunks that readers share."""
OVERHEAD = 1.25
"""What Python and the allocator need beside the bytes."""


@dataclass(frozen=True, slots=True)
class MemoryBound:
    """The most that readers and producers may add to a gateway that is idle; defaults are those of the settings."""

    sse: int = 0
    socket_io: int = 0
    tasks: int = 1
    window_bytes_per_task: int = 1 * _MEGA
    window_bytes_total: int = 64 * _MEGA
    run_bytes_total: int = 32 * _MEGA
    pending_bytes_max: int = 32 * _MEGA

    @property
    def bytes(self) -> int:
        """The sum."""
        shared = (
            min(self.tasks * self.window_bytes_per_task, self.window_bytes_total)
            + self.run_bytes_total
            + 2 * self.pending_bytes_max
            + CHUNK_CACHE_BYTES
        )
        return int(OVERHEAD * (shared + self.sse * SSE_BYTES + self.socket_io * SOCKET_IO_BYTES))


def resident_bytes(pid: int) -> int:
    """The memory of a process now."""
    return _field(pid, "VmRSS:")


def peak_bytes(pid: int) -> int:
    """The most it ever had."""
    return _field(pid, "VmHWM:")


def forget_peak(pid: int) -> None:
    """Let ``peak_bytes`` begin anew with the memory of now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _field(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * _KILO for line in lines if line.startswith(name))
