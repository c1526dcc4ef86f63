"""Programs that leave nothing behind when they are told to end."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["until_told"]

T = TypeVar("T")


async def until_told(running: Coroutine[Any, Any, T]) -> T:
    """Run; SIGTERM ends it like Control-C, so that no process and no file system is left behind."""
    task = asyncio.ensure_future(running)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
