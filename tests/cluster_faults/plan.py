"""Which faults a run has, how many, and who takes part."""

from dataclasses import dataclass

__all__ = ["LONG", "SHORT", "Plan"]


@dataclass(frozen=True)
class Plan:
    """What is to happen; the deeds are done one after the other, in an order drawn from the seed."""

    deeds: dict[str, int]
    pause_seconds: tuple[float, float]
    """Between two deeds, drawn anew each time."""
    frozen_seconds: tuple[float, float]
    """How long a gateway is stopped, or has no network to the database."""
    workers: tuple[str, ...]
    """Their wires: ``native`` or ``otto``."""
    lines_a_second: float
    """Of each."""
    readers: int
    """On each transport."""
    cuts: int
    """How often each reader throws its connection away."""
    lanes: int = 1
    """Of the journal."""


LONG = Plan(
    deeds={
        "kill": 60,
        "promote": 3,
        "freeze": 6,
        "freeze the leader": 2,
        "cut off": 6,
        "kill Redis": 6,
        "rolling restart": 2,
    },
    pause_seconds=(0.2, 2.0),
    frozen_seconds=(0.5, 20.0),
    workers=("native", "otto") * 8,
    lines_a_second=20.0,
    readers=15,
    cuts=12,
    lanes=4,
)

SHORT = Plan(
    deeds={"kill": 2, "promote": 1, "freeze": 1, "cut off": 1, "kill Redis": 1},
    pause_seconds=(0.3, 0.6),
    frozen_seconds=(0.5, 1.5),
    workers=("native", "native", "otto"),
    lines_a_second=40.0,
    readers=3,
    cuts=2,
)
"""The form that runs with the tests."""
