"""What finding levels and events costs a line at ingest, by the kind of log.

    python -m benchmarks.level_detection [LINES]

CPU time of the thread, the best of five rounds, with the ratio to decoding and encoding an entry, which every line
costs anyway. Beside an ordinary log, those of the detector's corpus, repeated: nearly all of their lines are
made to look like errors.
"""

import sys
import time
from pathlib import Path

from filters.entry import LogEntry, decode_lines, encode_lines
from filters.events import WorkerEvents

ROUNDS = 5
CORPUS = Path(__file__).parents[1] / "tests/filters/corpus"
QUIET = ("CC obj/module_{n}.o", "[{n}] copying asset {n} to dist/assets", "fetched {n} objects in 12 ms", "done {n}")
SHARE = 50
"""One line in so many of an ordinary log has one of the words; those of the corpus are made to have them."""
LOGS = (
    "ordinary",
    "green_build",
    "make_ok",
    "pytest_passed",
    "go_pass",
    "pytest_colour",
    "gcc_error",
    "log4j",
    "java_crash",
)


def lines_of(name: str, count: int) -> list[str]:
    """So many messages of a log of the corpus, from its beginning again and again."""
    if name == "ordinary":
        failing = lines_of("green_build", count)
        return [QUIET[n % len(QUIET)].format(n=n) if n % SHARE else failing[n // SHARE] for n in range(count)]
    rows = [row[3:] for row in (CORPUS / f"{name}.log").read_text(encoding="utf-8").split("\n")[:-1]]
    return (rows * (count // len(rows) + 1))[:count]


def microseconds(messages: list[str]) -> float:
    """Of a line, at best."""
    best = float("inf")
    for _ in range(ROUNDS):
        events = WorkerEvents()
        start = time.thread_time()
        for message in messages:
            events.read("stdout", message, None)
        best = min(best, time.thread_time() - start)
    return best / len(messages) * 1e6


def encoding_microseconds(messages: list[str]) -> float:
    """What an entry costs to encode and decode once, at best."""
    best = float("inf")
    entries = [LogEntry("task", "worker", n, "2026-01-01", "INFO", "stdout", text) for n, text in enumerate(messages)]
    for _ in range(ROUNDS):
        start = time.thread_time()
        decode_lines(encode_lines(entries))
        best = min(best, time.thread_time() - start)
    return best / len(messages) * 1e6


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"{'log':16} {'µs a line':>10} {'encode, decode':>15}")
    for name in LOGS:
        messages = lines_of(name, count)
        print(f"{name:16} {microseconds(messages):10.2f} {encoding_microseconds(messages):15.2f}")


if __name__ == "__main__":
    main()
