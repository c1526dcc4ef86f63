"""How the gateway stops: a numbered list, each step with a time limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

__all__ = ["Step", "run_steps"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it does, in words, and in fact. It is given up after ``seconds_max``."""

    text: str
    run: Callable[[], Awaitable[object]]
    seconds_max: float


async def run_steps(steps: Sequence[Step]) -> bool:
    """Take the steps one after the other, whatever becomes of each; False where one failed or took too long."""
    started = time.monotonic()
    is_clean = True
    for number, step in enumerate(steps, 1):
        _log.info("shutdown step", number=number, of=len(steps), step=step.text)
        try:
            async with asyncio.timeout(step.seconds_max):
                await step.run()
        except TimeoutError:
            _log.warning("shutdown step took too long", number=number, step=step.text, seconds_max=step.seconds_max)
            is_clean = False
        except Exception:  # noqa: BLE001 - the next steps matter all the more
            _log.exception("shutdown step failed", number=number, step=step.text)
            is_clean = False
    _log.info("stopped", seconds=round(time.monotonic() - started, 3), clean=is_clean)
    return is_clean
