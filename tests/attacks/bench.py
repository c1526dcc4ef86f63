"""Attacks gateways and watches what it costs them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.attacks import doors, floods, oversized, reading, slow
from tests.attacks.attack import ATTACKS, SETTINGS, Attack, Door, Target
from tests.attacks.probe import Probe, Stall
from tests.readers.memory import forget_peak, peak_bytes, resident_bytes
from tests.support.gateway_log import trouble
from tests.support.gateway_process import GatewayProcess, running_gateway

__all__ = ["GROWTH_BYTES_MAX", "STALL_MS_MAX", "Outcome", "attacked", "chosen", "running_target"]

GROWTH_BYTES_MAX: Final = 64 << 20
STALL_MS_MAX: Final = 250.0
LOG_LINES_MAX: Final = 20
ATTACK_SECONDS_MAX: Final = 900.0
_FAMILIES: Final = (doors, slow, oversized, floods, reading)
"""Each puts its attacks into the table when it is imported."""


@dataclass(frozen=True)
class Outcome:
    """What an attack came to."""

    attack: Attack
    seen: str
    problems: tuple[str, ...]
    before: int
    peak: int
    after: int
    stall: Stall


def chosen(door: Door, *, is_long: bool) -> list[Attack]:
    """The attacks on one gateway."""
    return [each for each in ATTACKS.values() if each.door == door and (is_long or not each.is_long_only)]


@contextlib.asynccontextmanager
async def running_target(door: Door, folder: Path, *, is_long: bool) -> AsyncIterator[Target]:
    """A gateway that can be attacked."""
    async with running_gateway(folder / door, DURABILITY="process", **SETTINGS[door]) as gateway:
        yield Target(gateway, is_long, folder)


async def attacked(attack: Attack, target: Target, probe: Probe) -> Outcome:
    """Attack once."""
    gateway = target.gateway
    logged = len(gateway.log().splitlines())
    before = resident_bytes(gateway.pid)
    forget_peak(gateway.pid)
    await probe.turn_to(gateway.http_port, gateway.pid)
    problems = []
    try:
        async with asyncio.timeout(ATTACK_SECONDS_MAX):
            seen = await attack.run(target)
    except (AssertionError, TimeoutError, ConnectionError) as error:
        seen = str(error).partition("\n")[0] or "something else"
        problems.append(f"expected {attack.expected}, seen {seen}")
    stall = await probe.turn_to(gateway.http_port, gateway.pid)
    outcome = Outcome(
        attack, seen, tuple(problems), before, peak_bytes(gateway.pid), resident_bytes(gateway.pid), stall
    )
    return _judged(outcome, gateway, logged)


def _judged(outcome: Outcome, gateway: GatewayProcess, logged: int) -> Outcome:
    """With what it must not cost."""
    problems = list(outcome.problems)
    growth, own = outcome.peak - outcome.before, outcome.stall.own
    lines = gateway.log().splitlines()[logged:]
    if growth > GROWTH_BYTES_MAX:
        problems.append(f"memory grew by {growth >> 20} MiB")
    if own > STALL_MS_MAX:
        problems.append(f"/healthz/live waited for {own:.0f} ms")
    if len(lines) > LOG_LINES_MAX:
        problems.append(f"{len(lines)} lines of the log, such as {lines[-1]}")
    problems += trouble("\n".join(lines))[:1]
    return Outcome(
        outcome.attack, outcome.seen, tuple(problems), outcome.before, outcome.peak, outcome.after, outcome.stall
    )
