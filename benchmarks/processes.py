"""CPU time and memory of a process and its children, and of the whole machine, from ``/proc``."""

import os
import time
from pathlib import Path

__all__ = ["cpu_seconds", "machine_busy_seconds", "memory_now_bytes", "memory_peak_bytes", "process_tree"]

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def process_tree(pid: int) -> list[int]:
    """A process and everything below it."""
    tree = [pid]
    for task in (_PROC / str(pid) / "task").glob("*/children"):
        for child in task.read_text().split():
            tree += process_tree(int(child))
    return tree


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and everything below it, with all their threads, to the nanosecond.

    ``/proc/PID/stat`` counts in hundredths of a second, which is as long as some of our runs of the raw writer take.
    """
    return sum(time.clock_gettime(_process_clock(member)) for member in process_tree(pid))


def _process_clock(pid: int) -> int:
    # What clock_getcpuclockid(3) computes; Python has it for threads only. 2 is CPUCLOCK_SCHED.
    return (~pid << 3) | 2


def memory_peak_bytes(pid: int) -> int:
    """The most resident memory that the process tree had, summed over its processes."""
    return _memory_bytes(pid, "VmHWM:")


def memory_now_bytes(pid: int) -> int:
    """The resident memory of the process tree."""
    return _memory_bytes(pid, "VmRSS:")


def _memory_bytes(pid: int, field: str) -> int:
    total = 0
    for member in process_tree(pid):
        for line in (_PROC / str(member) / "status").read_text().splitlines():
            if line.startswith(field):
                total += int(line.split()[1]) * 1024
    return total


def machine_busy_seconds() -> float:
    """CPU seconds that the machine has worked since its start, for whomever; no idling, waiting or stolen time."""
    user, nice, system, _idle, _iowait, irq, softirq, _steal = map(
        int, (_PROC / "stat").read_text().splitlines()[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq) / _TICKS_PER_SECOND
