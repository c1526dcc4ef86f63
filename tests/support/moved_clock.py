"""An event loop's clock that is moved on: what is due within that time is due now."""

import asyncio

__all__ = ["pass_time"]


def pass_time(seconds: float) -> None:
    """Let time pass for the timers of the running loop."""
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.time = lambda: time() + seconds  # type: ignore[method-assign]
