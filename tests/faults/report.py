"""What a run came to, in words and as Markdown."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.bench import Run

__all__ = ["summary", "tables"]


@dataclass(frozen=True)
class Promise:
    """A promise of the gateway, the faults that try it, and the counts of a verdict that would show it broken."""

    text: str
    faults: tuple[str, ...]
    broken_by: tuple[str, ...]


_DEATHS = ("kill", "stop", "outage", "kill a producer", "pause the gateway")
_NETWORK = ("cut", "stall", "swallow", "half-close", "delay", "trickle", "pause a producer")
_STORAGE = ("lock", "fill the disk", "restore", "damage")

PROMISES = (
    Promise(
        "**Acknowledged means stored, visible means stored**",
        (*_DEATHS, "lock", "fill the disk"),
        ("acknowledged and missing", "seen and missing"),
    ),
    Promise(
        "**Every subscriber sees every matching line once, in order**",
        (*_DEATHS, *_NETWORK, *_STORAGE, "move the clock"),
        ("missing at subscribers", "twice at subscribers", "out of order at subscribers"),
    ),
    Promise(
        "**Resending is harmless**",
        ("kill", "outage", "kill a producer", *_NETWORK),
        ("stored twice", "stored out of order"),
    ),
    Promise(
        "**Old tables see every line exactly once**",
        (*_DEATHS, *_STORAGE),
        ("rows missing", "rows twice", "rows missing at the poller", "rows twice at the poller"),
    ),
    Promise(
        "**Nothing is lost silently**",
        ("damage", "restore", "fill the disk", "move the clock"),
        ("other findings",),
    ),
)


def tables(runs: Sequence[Run]) -> str:
    """The promises with what was found, then every run."""
    return "\n\n".join([_promises(runs), _faults(runs), *map(_run, runs)])


def _promises(runs: Sequence[Run]) -> str:
    rows = []
    for promise in PROMISES:
        thrown = sum(run.faults[name] for run in runs for name in promise.faults)
        names = ", ".join(name for name in promise.faults if any(run.faults[name] for run in runs))
        found = {name: sum(run.verdict.counts[name] for run in runs) for name in promise.broken_by}
        seeds = ", ".join(str(run.seed) for run in runs)
        text = ", ".join(f"{count:,} {name}" for name, count in found.items())
        rows.append([promise.text, names, f"{thrown:,}", text, seeds])
    return _table(["promise", "faults", "how many", "found", "seed"], rows)


def _faults(runs: Sequence[Run]) -> str:
    names = sorted({name for run in runs for name in (*run.faults, *run.skipped)})
    rows = []
    for name in names:
        why = next((run.skipped[name] for run in runs if name in run.skipped), "")
        rows.append([name, f"not done: {why}" if why else f"{sum(run.faults[name] for run in runs):,}"])
    return _table(["fault", "how often"], rows)


def _run(run: Run) -> str:
    return f"```\n{summary(run)}\n```"


def summary(run: Run) -> str:
    """A run in a few lines."""
    verdict = run.verdict
    faults = ", ".join(f"{name} {count}" for name, count in sorted(run.faults.items()))
    delivered = " ".join(f"{count:,}" for count in verdict.delivered)
    lines = [f"seed {run.seed}, {run.seconds:.0f} s: {faults}"]
    lines += [f"skipped: {name}: {why}" for name, why in run.skipped.items()]
    lines.append(
        f"sent {verdict.sent:,}, in spools on disk {verdict.accepted:,}, acknowledged {verdict.acknowledged:,}, "
        f"stored {verdict.stored:,}, "
        f"polled {verdict.polled:,}"
    )
    lines.append(
        f"taken back by backups {verdict.taken_back:,}, in doubt at a producer's kill {verdict.in_doubt:,}, "
        f"repeated on Otto's wire {verdict.repeated:,}, there behind a later one after RETRY {verdict.retried:,}"
    )
    lines.append(
        f"delivered to {len(verdict.delivered)} subscribers over {verdict.connections:,} connections: {delivered}"
    )
    lines.append(f"lost {verdict.lost:,}, doubled {verdict.doubled:,}, out of order {verdict.disordered:,}")
    lines.append(
        f"from a kill to the next new line at a subscriber: p50 {middle(verdict.recoveries):.1f} s, "
        f"max {max(verdict.recoveries, default=0):.1f} s; {run.failed_starts} starts failed"
    )
    return "\n".join([*lines, *verdict.findings])


def middle(values: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return statistics.median(values) if values else 0.0


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
