"""What a line costs its program: ``SyncLogProducer.log`` with a spool in memory and on disk.

    python benchmarks/spool_line.py [LINES]

The gateway is away, so that nothing but the caller's side is measured; the best of five rounds. With durability
``full`` the caller waits for the disk, so that its time counts; otherwise the CPU time of its thread.
"""

import contextlib
import logging
import sys
import tempfile
import time

from otto_logs import Durability, NotDeliveredError, ProducerLimits, SyncLogProducer

ROUNDS = 5
AWAY = "127.0.0.1:9"
MESSAGE = "compiling src/module/file.c with the usual flags, which makes it a line of a hundred bytes ".ljust(100)


def measure(lines: int, directory: str, durability: Durability = Durability.PROCESS) -> float:
    """Microseconds a line."""
    limits = ProducerLimits(spool_bytes_max=512 * 1024 * 1024, backoff_seconds=30.0)
    producer = SyncLogProducer(AWAY, limits=limits, spool_directory=directory, spool_durability=durability)
    clock = time.perf_counter if durability is Durability.FULL else time.thread_time
    started = clock()
    for _ in range(lines):
        producer.log("task", "worker", MESSAGE)
    elapsed = clock() - started
    with contextlib.suppress(NotDeliveredError):
        producer.close(0)
    return elapsed / lines * 1e6


def main() -> None:
    logging.getLogger("otto_logs").setLevel(logging.CRITICAL)
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    rows = (
        ("in memory", False, Durability.PROCESS, lines),
        ("on disk, durability process", True, Durability.PROCESS, lines),
        ("on disk, durability full", True, Durability.FULL, max(1, lines // 500)),
    )
    for name, is_on_disk, durability, count in rows:
        best = float("inf")
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(dir=".") as directory:
                best = min(best, measure(count, directory if is_on_disk else "", durability))
        print(f"{name:30} {best:8.1f} µs a line")


if __name__ == "__main__":
    main()
