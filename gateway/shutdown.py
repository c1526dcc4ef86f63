"""How the gateway stops: a numbered list, each step with a time limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

__all__ = ["Step", "run_steps"]

_LATE_SECONDS: Final = 0.5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it does, in words, and in fact. It is given up after ``seconds_max``."""

    text: str
    run: Callable[[], Awaitable[object]]
    seconds_max: float


async def run_steps(steps: Sequence[Step], *, seconds_max: float) -> bool:
    """Run the steps in order, also after a failed one. False if one failed or took too long.

    When all of them together have taken ``seconds_max``, the remaining steps get half a second each: most need less
    unless something hangs.
    """
    started = time.monotonic()
    is_clean = True
    for number, step in enumerate(steps, 1):
        _log.info("shutdown step", number=number, of=len(steps), step=step.text)
        left = max(started + seconds_max - time.monotonic(), _LATE_SECONDS)
        limit = min(step.seconds_max, left)
        try:
            async with asyncio.timeout(limit):
                await step.run()
        except TimeoutError:
            _log.warning("shutdown step took too long", number=number, step=step.text, seconds_max=round(limit, 3))
            is_clean = False
        except Exception:  # noqa: BLE001 - the next steps matter all the more
            _log.exception("shutdown step failed", number=number, step=step.text)
            is_clean = False
    _log.info("stopped", seconds=round(time.monotonic() - started, 3), clean=is_clean)
    return is_clean
