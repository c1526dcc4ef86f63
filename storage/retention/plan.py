"""The plan: which task loses its lines through which sequence."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

from storage.journal.inventory import Inventory, StoredChunk, StoredTask
from storage.retention.policy import RetentionPolicy, Survey

__all__ = ["Cut", "Plan"]

_TASKS_PER_PAGE: Final = 500
_CHUNKS_PER_PAGE: Final = 256


@dataclass(frozen=True, slots=True)
class Cut:
    """A task loses its lines up to ``through``.

    Attributes:
        is_whole: these are all its lines.
        is_by_age: they are too old; otherwise there is too much of everything.
    """

    task_id: str
    through: int
    lines: int
    bytes: int
    is_whole: bool
    is_by_age: bool


class Plan:
    """One pass over all tasks. What is cut while the plan is made does not disturb it.

    Args:
        inventory: what is there.
        policy: what may go.
        now: Unix seconds.
        copied: the record that sinks have reached; what is behind it stays.
        candidates_max: see ``Survey``.

    Attributes:
        is_held_up: lines would go if sinks had copied them.
        is_short: more has to go than one pass remembers; another one follows.
    """

    def __init__(
        self, inventory: Inventory, policy: RetentionPolicy, *, now: float, copied: int, candidates_max: int = 10_000
    ) -> None:
        self.is_held_up = False
        self.is_short = False
        self._inventory = inventory
        self._policy = policy
        self._now = now
        self._copied = copied
        self._survey = Survey(policy, candidates_max=candidates_max)

    def __repr__(self) -> str:
        return f"<Plan {self._survey!r} copied={self._copied}>"

    async def cuts(self) -> AsyncIterator[Cut]:
        """First what is too old, then what is too much of the rest."""
        async for task in self._tasks():
            cut = await self._aged(task)
            if cut is not None:
                yield cut
            if cut is None:
                self._survey.add(task)
            elif not cut.is_whole:
                self._survey.add(replace(task, first=cut.through + 1, bytes=task.bytes - cut.bytes))
        taken = 0
        for excess in self._survey.excess():
            cut = await self._excessive(excess.task, excess.bytes_min)
            if cut is not None:
                yield cut
                taken += 1
                self._survey.subtract(cut.bytes, is_whole=cut.is_whole)
        self.is_short = self._survey.is_over and taken > 0 and not self.is_held_up

    async def _tasks(self) -> AsyncIterator[StoredTask]:
        after = ""
        while page := await self._inventory.stored_tasks(after, count_max=_TASKS_PER_PAGE):
            for task in page:
                yield task
            after = page[-1].task_id

    async def _aged(self, task: StoredTask) -> Cut | None:
        oldest_kept = self._policy.oldest_kept(task.task_id, self._now)
        if oldest_kept is None or task.oldest_at >= oldest_kept:
            return None
        if task.newest_at < oldest_kept and task.last_record <= self._copied:
            return Cut(task.task_id, task.last, task.last + 1 - task.first, task.bytes, is_whole=True, is_by_age=True)
        return await self._walk(task, lambda chunk, _: chunk.stored_at < oldest_kept, is_by_age=True)

    async def _excessive(self, task: StoredTask, bytes_min: int | None) -> Cut | None:
        if bytes_min is None and task.last_record <= self._copied:
            return Cut(task.task_id, task.last, task.last + 1 - task.first, task.bytes, is_whole=True, is_by_age=False)
        return await self._walk(task, lambda _, size: bytes_min is None or size < bytes_min, is_by_age=False)

    async def _walk(
        self, task: StoredTask, is_wanted: Callable[[StoredChunk, int], bool], *, is_by_age: bool
    ) -> Cut | None:
        """The chunks that are wanted, from the first on; ``is_wanted`` gets the bytes of those before it."""
        through, size = task.first - 1, 0
        while page := await self._inventory.stored_chunks(task.task_id, through, count_max=_CHUNKS_PER_PAGE):
            for chunk in page:
                wanted = is_wanted(chunk, size)
                if wanted and chunk.record > self._copied:
                    self.is_held_up, wanted = True, False
                if not wanted:
                    return self._cut(task, through, size, is_by_age)
                through, size = chunk.last, size + chunk.bytes
        return self._cut(task, through, size, is_by_age)

    def _cut(self, task: StoredTask, through: int, size: int, is_by_age: bool) -> Cut | None:
        if through < task.first:
            return None
        lines = through + 1 - task.first
        return Cut(task.task_id, through, lines, size, is_whole=through >= task.last, is_by_age=is_by_age)
