"""A journal in which nothing happens by itself: commits, their announcements, questions and answers wait for a test."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from filters.block import Selection
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from storage.journal.interface import Append, Committed, Journal, Receipt, TaskState

__all__ = ["SteppedJournal"]


class _Question:
    """Asked, then worked out, then answered; the journal may change in between."""

    def __init__(self, work: Callable[[], Awaitable[Any]]) -> None:
        self.work = work
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.result: Any = None
        self.is_worked_out = False


class SteppedJournal:
    """``sessions.transport.History`` on a real journal.

    Attributes:
        inner: the journal.
        questions: what sessions have asked and not been answered, oldest first.
        announcements: commits that are stored and that the listener has not heard of, oldest first.
    """

    def __init__(self, inner: Journal) -> None:
        self.inner = inner
        self.questions: list[_Question] = []
        self.announcements: deque[Committed] = deque()
        self._waiting: list[Append] = []
        inner.set_commit_listener(self.announcements.append)

    def __repr__(self) -> str:
        return f"<SteppedJournal {len(self.questions)} questions, {len(self.announcements)} announcements>"

    @property
    def epoch(self) -> str:
        return self.inner.epoch

    def append(self, item: Append) -> None:
        """Let an item wait for ``commit``."""
        self._waiting.append(item)

    async def commit(self) -> Sequence[tuple[Append, Receipt | BaseException]]:
        """Store what is pending, as one group; what became of each item."""
        items, self._waiting = self._waiting, []
        futures = [self.inner.append(item) for item in items]
        return list(zip(items, await asyncio.gather(*futures, return_exceptions=True), strict=True))

    async def advance(self, index: int, *, error: Exception | None = None) -> None:
        """Work out a question's answer, or, where it is worked out, give it; or fail it."""
        question = self.questions[index % len(self.questions)]
        if error is None and not question.is_worked_out:
            question.result = await question.work()
            question.is_worked_out = True
            return
        self.questions.remove(question)
        if error is not None:
            question.answer.set_exception(error)
        else:
            question.answer.set_result(question.result)

    async def task_state(self, task_id: str) -> TaskState:
        return await self._ask(lambda: self.inner.task_state(task_id))

    async def read(
        self,
        task_id: str,
        after: int,
        upto: int,
        matcher: Matcher,
        *,
        lines_max: int,
        bytes_max: int,
        owner: ReadOwner = NOBODY,
    ) -> Selection:
        return await self._ask(
            lambda: self.inner.read(task_id, after, upto, matcher, lines_max=lines_max, bytes_max=bytes_max)
        )

    async def tail_start(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> int:
        return await self._ask(lambda: self.inner.tail_start(task_id, count, upto, matcher))

    async def _ask(self, work: Callable[[], Awaitable[Any]]) -> Any:
        question = _Question(work)
        self.questions.append(question)
        try:
            return await question.answer
        finally:
            if question in self.questions:  # whoever asked has gone
                self.questions.remove(question)
