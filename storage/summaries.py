"""Summarising what is stored, in the background: searches then pass over chunks that cannot have their words."""

import time
from collections.abc import Callable
from typing import Final

from storage.journal.stored_journal import StoredJournal
from storage.journal.summary_steps import UnsummarizedTask
from storage.outage import OutageLog
from storage.retention.pace import Pace
from storage.tailing import TailingLoop

__all__ = ["SummarySweep"]

_PASS_SECONDS: Final = 60.0
_SPAN_BYTES: Final = 512 << 10
_SHARE_MAX: Final = 0.4
"""Of the time that commits leave: nothing is lost where summaries come later."""
_PAUSE_SECONDS_MAX: Final = 5.0


class SummarySweep:
    """Follows the journal and summarises its chunks, older ones first. Belongs to the event loop.

    A summary is made of enough lines of a task, or of the rest of a task that has ended. It is made where
    scans are done, which is a process of its own once there are some; the path of new lines knows nothing of it.

    Args:
        journal: what is summarised.
        span_bytes: of lines that a summary is of, at least.
        pass_seconds: from the end of a pass to the next one, and before the first.
        pause_seconds_max: between two summaries, see ``Pace``; 0: no pauses.
        is_leader: whether this gateway makes them; another one does where it is not.

    Attributes:
        summaries: how many have been made.
    """

    def __init__(
        self,
        journal: StoredJournal,
        *,
        span_bytes: int = _SPAN_BYTES,
        pass_seconds: float = _PASS_SECONDS,
        pause_seconds_max: float = _PAUSE_SECONDS_MAX,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_leader = is_leader
        self.summaries = 0
        self._span_bytes = span_bytes
        self._journal = journal
        self._pass_seconds = pass_seconds
        self._pace = Pace(
            lambda: journal.statistics.commit_seconds,
            lambda: journal.fullness,
            pause_seconds_max=pause_seconds_max,
            share_max=_SHARE_MAX,
        )
        self._is_begun = False
        self._loop = TailingLoop(
            "summaries",
            self._step,
            OutageLog("summaries delayed", "summaries continue", said_after_seconds=_PASS_SECONDS),
            retry_seconds=(2.0, _PASS_SECONDS),
        )

    def __repr__(self) -> str:
        return f"<SummarySweep {self.summaries} made>"

    def start(self) -> None:
        """Begin; the first pass is after a while, when a start has done what is more urgent."""
        self._loop.start()

    async def close(self) -> None:
        """Stop; idempotent, and to be called before the journal is closed."""
        await self._loop.close()

    async def run_once(self) -> None:
        """Summarise what can be.

        Raises:
            StorageError: the database cannot be used now; the next pass continues.
        """
        self._pace.begin()
        while self._is_leader() and (step := await self._journal.tasks_to_summarize()).reached:
            for task in step.tasks:
                await self._summarize(task)
            await self._journal.set_summarized(step.reached)

    async def _step(self) -> float:
        if self._is_begun:
            await self.run_once()
        self._is_begun = True
        return self._pass_seconds

    async def _summarize(self, task: UnsummarizedTask) -> None:
        after = task.after
        while True:
            started = time.monotonic()
            span = await self._journal.summarize(task.task_id, after, bytes_min=self._span_bytes)
            if span is None and task.is_ended:
                span = await self._journal.summarize(task.task_id, after, bytes_min=0)
            if span is None:
                return
            await self._journal.add_summary(task.task_id, span)
            self.summaries += 1
            after = span.last
            await self._pace.rest(time.monotonic() - started)
