"""What masking costs a line at ingest: without secrets, with 20 and with 1,000, and by shape.

Run as ``python -m benchmarks.masking [--into docs/secrets.md]``. Batches of a build's lines go through ``TaskMasks`` to
a journal that does nothing. Processor time, the best of several rounds that take turns, so that only ratios of one run
are compared.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast

from filters.entry import LogEntry
from filters.secret_shapes import ShapeRules
from gateway.ingest.masking.task_masks import TaskMasks
from storage.journal.interface import Append, Journal, LineBatch, ProducerNumber, Settled

__all__ = ["main"]

CORPUS: Final = Path(__file__).resolve().parents[1] / "tests" / "filters" / "corpus"
BATCHES: Final = (1, 20, 100)
ROUNDS: Final = 7
LINES: Final = 4_000
MARKS: Final = ("<!-- masking -->", "<!-- /masking -->")


class NoJournal:
    """Takes everything, and answers nothing."""

    def submit(self, item: Append, settled: Settled) -> None:
        """Do nothing."""

    append = submit


async def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, help="replace the table between the marks of this file")
    into = parser.parse_args().into
    texts = [line[3:] for path in sorted(CORPUS.glob("*.log")) for line in path.read_text().split("\n")[:-1]]
    journal = cast("Journal", NoJournal())
    some, many = TaskMasks(journal, hold_seconds=3600), TaskMasks(journal, hold_seconds=3600)
    await some.mask("t", _secrets(20))
    await many.mask("t", _secrets(1_000))
    ways = {
        "the journal's own method": journal.submit,
        "no secrets": TaskMasks(journal).submit,
        "secrets of another task": some.submit,
        "20 secrets": some.submit,
        "1,000 secrets": many.submit,
        "by shape": TaskMasks(journal, ShapeRules()).submit,
    }
    rows = [
        "| µs a line, in batches of | " + " | ".join(map(str, BATCHES)) + " |",
        "| --- |" + " ---: |" * len(BATCHES),
    ]
    best = {(name, size): float("inf") for name in ways for size in BATCHES}
    for _ in range(ROUNDS):
        for name, submit in ways.items():
            for size in BATCHES:
                task = "other" if name == "secrets of another task" else "t"
                best[name, size] = min(best[name, size], _seconds(submit, texts, size, task) / LINES * 1e6)
    rows += [f"| {name} | " + " | ".join(f"{best[name, size]:.2f}" for size in BATCHES) + " |" for name in ways]
    table = "\n".join(rows)
    print(table)
    if into is not None:
        before, _, rest = into.read_text().partition(MARKS[0])
        into.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")


def _secrets(count: int) -> list[str]:
    values = random.Random(1)
    return ["".join(values.choices("abcdefghijklmnopqrstuvwxyzABCDEF0123456789", k=24)) for _ in range(count)]


def _seconds(submit: Callable[[Any, Any], None], texts: Sequence[str], size: int, task_id: str) -> float:
    """Of processor time for some thousand lines, the making of their batches aside."""
    batches = []
    for number, start in enumerate(range(0, LINES, size), 1):
        lines = [texts[(start + index) % len(texts)] for index in range(size)]
        at = "2026-01-01T00:00:00.000000000Z"
        entries = [LogEntry(task_id, "w", 0, at, "INFO", "stdout", line) for line in lines]
        batches.append(LineBatch(task_id, "w", entries, size, 0.0, ProducerNumber(f"p{task_id}{size}", number)))
    started = time.process_time()
    for batch in batches:
        submit(batch, _nobody)
    return time.process_time() - started


def _nobody(_: object) -> None:
    """Nobody hears of it."""


if __name__ == "__main__":
    asyncio.run(main())
