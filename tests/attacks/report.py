"""The table."""

from collections.abc import Sequence

from tests.attacks.bench import Outcome

__all__ = ["HEAD", "row", "table"]

HEAD = (
    "attack",
    "gateway",
    "expected",
    "seen",
    "memory before, peak, after (MiB)",
    "worst stall, its own, machine (ms)",
)


def table(outcomes: Sequence[Outcome]) -> str:
    """As Markdown."""
    lines = ["| " + " | ".join(HEAD) + " |", "| " + " | ".join("---" for _ in HEAD) + " |"]
    return "\n".join([*lines, *(f"| {' | '.join(row(outcome))} |" for outcome in outcomes)])


def row(outcome: Outcome) -> tuple[str, ...]:
    """One attack."""
    attack, stall = outcome.attack, outcome.stall
    memory = " → ".join(f"{size / (1 << 20):.0f}" for size in (outcome.before, outcome.peak, outcome.after))
    stalls = f"{stall.worst:.0f}, {stall.own:.0f}, {stall.machine:.0f}"
    return attack.name, attack.door, attack.expected, outcome.seen, memory, stalls
