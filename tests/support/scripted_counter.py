"""A counter that answers by script."""

import asyncio
from collections import deque

from components.batch_jobs import CounterError


class ScriptedCounter:
    """Counts the letters of a keyword.

    Attributes:
        asked: what it was asked, in order.
        script: errors in the place of answers; None is an answer.
        held: a keyword whose answer waits for ``go_on``; ``reached`` is set once it was asked for.
    """

    categories = ("blog", "cafe")

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.script: deque[CounterError | None] = deque()
        self.held: str | None = None
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.is_closed = False

    async def count(self, keyword: str, category: str) -> int:
        self.asked.append((keyword, category))
        if keyword == self.held:
            self.held = None
            self.reached.set()
            await self.go_on.wait()
        error = self.script.popleft() if self.script else None
        if error is not None:
            raise error
        return len(keyword)

    async def close(self) -> None:
        self.is_closed = True
