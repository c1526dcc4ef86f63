"""Which faults a run has, how many, and how long it takes."""

from dataclasses import dataclass, field

__all__ = ["LONG", "SHORT", "Plan"]


@dataclass(frozen=True)
class Plan:
    """What is to happen.

    ``deeds`` are done one after the other to the gateway's life, in an order drawn from the seed; ``weather`` beside
    them, to everything else, until the deeds are done.
    """

    lives_seconds: tuple[float, float]
    """How long the gateway lives between two deeds, drawn anew each time."""
    calm_seconds: tuple[float, float]
    """How long the weather is fair between two faults."""
    lines_a_second: float
    """Of each producer."""
    workers: tuple[str, ...]
    """Of each, the wire and the way: ``native`` or ``otto``, ``rough`` or ``direct``."""
    filters: int
    """How many of ``crowd.FILTERS`` are listened to on each transport."""
    deeds: dict[str, int] = field(default_factory=dict)
    weather: dict[str, int] = field(default_factory=dict)
    """How often each kind comes at least; then drawn at random."""
    disk_bytes: int = 256 << 20


LONG = Plan(
    lives_seconds=(0.2, 3.0),
    calm_seconds=(0.1, 1.0),
    lines_a_second=60.0,
    workers=("native rough", "native rough", "native direct", "otto rough"),
    filters=10,
    deeds={"kill": 100, "stop": 6, "restore": 3, "damage": 5, "outage": 1},
    weather={
        "kill a producer": 10,
        "cut": 10,
        "stall": 6,
        "swallow": 6,
        "half-close": 6,
        "delay": 6,
        "trickle": 6,
        "pause the gateway": 8,
        "pause a producer": 6,
        "lock": 10,
        "fill the disk": 6,
        "move the clock": 10,
    },
)

SHORT = Plan(
    lives_seconds=(0.3, 0.8),
    calm_seconds=(0.05, 0.1),
    lines_a_second=60.0,
    workers=("native rough", "native direct", "otto rough"),
    filters=3,
    deeds={"kill": 2, "stop": 1, "restore": 1, "damage": 1},
    weather={
        "kill a producer": 1,
        "cut": 1,
        "stall": 1,
        "swallow": 1,
        "half-close": 1,
        "delay": 1,
        "trickle": 1,
        "pause the gateway": 1,
        "pause a producer": 1,
        "lock": 1,
        "fill the disk": 1,
        "move the clock": 1,
    },
    disk_bytes=24 << 20,
)
