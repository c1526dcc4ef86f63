"""What may go: pure decisions, made of what is there and nothing else."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from storage.journal.inventory import StoredTask
from storage.retention.rules import RetentionRule

__all__ = ["Excess", "RetentionPolicy", "Survey"]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How much is kept; None in any field: no limit of that kind.

    Attributes:
        age_seconds: lines that were stored longer ago go.
        bytes_max: stored bytes of all tasks together; those that have been idle longest lose their first lines first.
        tasks_max: tasks that have lines; those that have been idle longest go whole.
        rules: the first one that covers a task gives it an age of its own. The two limits take from such tasks only
            when nothing is left to take from others, and never from those that are to be kept.
        pinned: tasks of which nothing goes.
    """

    age_seconds: float | None = None
    bytes_max: int | None = None
    tasks_max: int | None = None
    rules: tuple[RetentionRule, ...] = ()
    pinned: frozenset[str] = frozenset()

    @property
    def is_set(self) -> bool:
        """Whether anything may go at all."""
        return replace(self, pinned=frozenset()) != RetentionPolicy()

    @property
    def ages(self) -> Sequence[float]:
        """The ages at which something goes, in seconds; the rows of ``job_logs`` go by the same."""
        ages = (self.age_seconds, *(rule.seconds for rule in self.rules))
        return [age for age in ages if age is not None]

    @property
    def has_ages(self) -> bool:
        """Whether anything may go because of its age."""
        return bool(self.ages)

    def rule_of(self, task_id: str) -> RetentionRule | None:
        """The rule that covers a task."""
        return next((rule for rule in self.rules if rule.covers(task_id)), None)

    def oldest_kept(self, task_id: str, now: float) -> float | None:
        """Lines of a task that were stored before this moment go; None keeps them. In Unix seconds, as ``now``."""
        if task_id in self.pinned:
            return None
        rule = self.rule_of(task_id)
        seconds = self.age_seconds if rule is None else rule.seconds
        return None if seconds is None else now - seconds


@dataclass(frozen=True, slots=True)
class Excess:
    """What has to go of a task for a limit's sake: ``bytes_min`` of it, or all where that is None."""

    task: StoredTask
    bytes_min: int | None = None


class Survey:
    """Adds up all tasks, and remembers those that would go first; then says what has to go.

    Args:
        policy: whose limits count.
        candidates_max: how many tasks are remembered. Where more have to go, the next survey finds them.
    """

    def __init__(self, policy: RetentionPolicy, *, candidates_max: int = 10_000) -> None:
        self._policy = policy
        self._candidates_max = candidates_max
        self._candidates: list[tuple[bool, int, StoredTask]] = []  # a heap; the one that would go last is first
        self.tasks = 0
        self.bytes = 0

    def __repr__(self) -> str:
        return f"<Survey {self.tasks} tasks {self.bytes} bytes>"

    @property
    def is_over(self) -> bool:
        """Whether there is more than there may be."""
        policy = self._policy
        return (policy.tasks_max is not None and self.tasks > policy.tasks_max) or (
            policy.bytes_max is not None and self.bytes > policy.bytes_max
        )

    def add(self, task: StoredTask) -> None:
        """Count a task."""
        self.tasks += 1
        self.bytes += task.bytes
        rule = self._policy.rule_of(task.task_id)
        if task.task_id in self._policy.pinned or (rule is not None and rule.seconds is None):
            return
        heapq.heappush(self._candidates, (rule is None, -task.last_record, task))
        if len(self._candidates) > self._candidates_max:
            heapq.heappop(self._candidates)

    def excess(self) -> Iterator[Excess]:
        """What has to go, first what has been idle longest; ``subtract`` what went before asking for the next."""
        policy = self._policy
        for _, _, task in sorted(self._candidates, key=lambda item: item[:2], reverse=True):
            too_many = policy.tasks_max is not None and self.tasks > policy.tasks_max
            bytes_over = 0 if policy.bytes_max is None else self.bytes - policy.bytes_max
            if not too_many and bytes_over <= 0:
                return
            yield Excess(task, None if too_many or task.bytes <= bytes_over else bytes_over)

    def subtract(self, size: int, *, is_whole: bool) -> None:
        """A task lost so many bytes, and with them all its lines or not."""
        self.bytes -= size
        self.tasks -= is_whole
