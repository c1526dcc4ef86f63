"""The gateway without one of its design choices, to see what that choice is worth.

``python -m benchmarks.without`` measures them all and prints a table; ``python -m benchmarks.without CHOICE serve`` is
``otto-gateway serve`` with that choice taken out. The gateway itself has no such switches: the choice is replaced here,
before it starts.
"""

import argparse
import asyncio
import dataclasses
import statistics
import sys
from collections.abc import Callable
from typing import Any, Final

from benchmarks import native_programs
from benchmarks.scenarios import Delivery, deliver, machine_is_quiet
from benchmarks.servers import Load, gateway
from benchmarks.table import markdown_table

FASTEST: Final = Load(readers=100, lines=20_000)
STEADY: Final = Load(readers=100, lines=5_000, rate=1_000, sample_every=1)
ROUNDS: Final = 3


def _pause_between_flushes() -> None:
    from gateway import app

    limits_of = app.session_limits
    app.session_limits = lambda settings: dataclasses.replace(limits_of(settings), tick_seconds=0.0)


def _shared_runs() -> None:
    from sessions.topic import Topic

    join = Topic.join

    def join_alone(topic: Topic, subscriber: Any, log_filter: Any, encoding: Any) -> Any:
        return join(topic, subscriber, log_filter, _Named(encoding, subscriber.id))

    Topic.join = join_alone  # type: ignore[method-assign]


class _Named:
    """An encoding under another name, so that it shares nothing."""

    def __init__(self, encoding: Any, name: str) -> None:
        self._encoding = encoding
        self.name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoding, name)


def _group_commit() -> None:
    from storage.journal import group_commit

    group_commit.ITEMS_MAX = 1  # type: ignore[misc]


def _chunks() -> None:
    from storage.journal import chunks

    chunks.LINES_MAX = 1  # type: ignore[misc]


def _one_heap() -> None:
    from gateway.commands import serve as serving

    serving.keep_to_one_heap = lambda: None


def _polling_sink() -> None:
    from storage.polling import PollingSink

    PollingSink.start = PollingSink.wake = lambda *_: None  # type: ignore[method-assign, assignment]


CHOICES: Final[dict[str, tuple[str, Callable[[], None]]]] = {
    "pause": ("a pause between flushes (each commit is flushed)", _pause_between_flushes),
    "sharing": ("shared runs (every reader's bytes are made for it)", _shared_runs),
    "group-commit": ("group commit (a transaction for each append)", _group_commit),
    "chunks": ("chunks (a record for each line)", _chunks),
    "one-heap": ("one heap for all threads", _one_heap),
    "sink": ("the polling sink (nothing is copied to job_logs)", _polling_sink),
}


async def measure(rounds: int) -> str:
    """Both loads for the whole gateway and for each choice taken out; the medians as a table."""
    table = []
    for name, text in (("", "(the whole gateway)"), *((name, text) for name, (text, _) in CHOICES.items())):
        command = [sys.executable, "-m", "benchmarks.without", name, "serve"] if name else []
        server = gateway(text, command=command, has_sink=name != "sink")
        fastest, steady = [], []
        for _ in range(rounds):
            for load, results in ((FASTEST, fastest), (STEADY, steady)):
                await machine_is_quiet()
                results.append(await deliver(server, load))
        row = [text, *(_median(fastest, "cpu_seconds_per_million", 3), _median(steady, "cpu_seconds_per_million", 2))]
        row += [_median(steady, "p50_ms", 1), _median(steady, "p99_ms", 1)]
        row.append(f"{statistics.median(run.memory_peak_bytes for run in fastest) / 2**20:.0f}")
        print(" | ".join(row), flush=True)
        table.append(row)
    heads = ["without", "A: CPU s per million", "D: CPU s per million", "D: p50 ms", "D: p99 ms", "A: peak memory MiB"]
    return markdown_table(heads, table)


def _median(runs: list[Delivery], figure: str, digits: int) -> str:
    return f"{statistics.median(getattr(run, figure) for run in runs):.{digits}f}"


def main() -> None:
    """Measure, or be the gateway."""
    if len(sys.argv) > 1 and sys.argv[1] in CHOICES:
        CHOICES[sys.argv[1]][1]()
        from gateway.commands.main import main as gateway_main

        sys.argv = ["otto-gateway", *sys.argv[2:]]
        gateway_main()
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    native_programs.build()
    print(asyncio.run(measure(options.rounds)))


if __name__ == "__main__":
    main()
