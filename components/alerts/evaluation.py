"""What rules find in records of the journal: pure, and made for many rules at once.

A task's rules are found once. Of those with keywords, one automaton finds which may match a chunk at all; the others
look at its levels first. So a thousand rules that do not match cost about what one does.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ahocorasick_rs import AhoCorasick

from components.alerts.rules import Rule
from components.alerts.templates import template_of
from filters.entry import LogEntry, decode_lines
from storage.journal.interface import Record, TaskEnded

__all__ = ["MARKS_MAX", "SAMPLES_MAX", "Evaluation", "Found", "LineRules", "Match", "TaskLines", "epoch_seconds"]

SAMPLES_MAX: Final = 5
MARKS_MAX: Final = 200
"""Positions that are kept of an incident in each task."""
_NO_LABELS: Final = frozenset[str]()
_TASKS_REMEMBERED: Final = 4_096
_TIMES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Match:
    """A line that a rule matches."""

    task_id: str
    sequence: int
    at: float
    worker_id: str
    level: str
    message: str


@dataclass(slots=True)
class TaskLines:
    """Matching lines of one task: how many, and sequences and times of the first ones."""

    count: int = 0
    marks: list[tuple[int, float]] = field(default_factory=list)

    def add(self, other: "TaskLines") -> None:
        """Lines that came later."""
        self.count += other.count
        self.marks += other.marks[: MARKS_MAX - len(self.marks)]


@dataclass(slots=True)
class Found:
    """Matching lines of one kind: of one rule, with one template.

    Attributes:
        times: of the last lines, in Unix seconds; as many as a condition can need.
        tasks: the same lines by task.
    """

    count: int = 0
    samples: list[Match] = field(default_factory=list)
    last: Match | None = None
    times: list[float] = field(default_factory=list)
    tasks: dict[str, TaskLines] = field(default_factory=dict)

    def add(self, match: Match) -> None:
        """One more."""
        self.count += 1
        self.last = match
        if len(self.samples) < SAMPLES_MAX:
            self.samples.append(match)
        lines = self.tasks.get(match.task_id)
        if lines is None:
            lines = self.tasks[match.task_id] = TaskLines()
        lines.count += 1
        if match.sequence and len(lines.marks) < MARKS_MAX:
            lines.marks.append((match.sequence, match.at))
        self.times.append(match.at)
        if len(self.times) > 2 * _TIMES_MAX:
            del self.times[:-_TIMES_MAX]


@dataclass(slots=True)
class Evaluation:
    """What a run of records has: matches by rule, key and template; first and last times of tasks; their ends."""

    found: dict[tuple[str, str, str], Found] = field(default_factory=dict)
    activity: dict[str, tuple[float, float]] = field(default_factory=dict)
    ended: list[tuple[TaskEnded, float]] = field(default_factory=list)
    lines: int = 0


class LineRules:
    """The rules, ready for records. May be used by one thread at a time."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self._lines = [rule for rule in rules if rule.is_about_lines]
        self._sets: OrderedDict[tuple[int, ...], _RuleSet] = OrderedDict()
        self._of_task: OrderedDict[tuple[str, frozenset[str]], _RuleSet] = OrderedDict()

    def __repr__(self) -> str:
        return f"<LineRules {len(self.rules)}>"

    @property
    def chooses_by_labels(self) -> bool:
        """Whether it has to be known which labels tasks have."""
        return any(rule.labels for rule in self.rules)

    def evaluate(self, records: Sequence[Record], labels: Mapping[str, frozenset[str]] | None = None) -> Evaluation:
        """What the rules find in records in commit order.

        Args:
            records: of the journal.
            labels: of their tasks, each as ``name`` and as ``name=value``.
        """
        result = Evaluation()
        for record in records:
            if record.ended is not None:
                at = result.activity.get(record.task_id, (0.0, 0.0))[1]
                result.ended.append((record.ended, at))
            elif record.lines:
                self._take(record, result, (labels or {}).get(record.task_id, _NO_LABELS))
        return result

    def _take(self, record: Record, result: Evaluation, labels: frozenset[str]) -> None:
        entries = decode_lines(record.lines)
        result.lines += len(entries)
        first, last = epoch_seconds(entries[0].timestamp), epoch_seconds(entries[-1].timestamp)
        known = result.activity.get(record.task_id)
        result.activity[record.task_id] = (known[0] if known else first, last)
        for rule in self._rules_of(record.task_id, labels).candidates(entries):
            for index in rule.matcher.select(entries):
                entry = entries[index]
                match = Match(
                    record.task_id,
                    record.first + index,
                    epoch_seconds(entry.timestamp),
                    entry.worker_id,
                    entry.level,
                    entry.message,
                )
                key = (rule.name, rule.key_of(record.task_id), template_of(entry.message))
                result.found.setdefault(key, Found()).add(match)

    def _rules_of(self, task_id: str, labels: frozenset[str]) -> "_RuleSet":
        """The rules about a task; tasks with the same ones share an automaton."""
        found = self._of_task.get((task_id, labels))
        if found is None:
            numbers = tuple(number for number, rule in enumerate(self._lines) if rule.covers(task_id, labels))
            found = self._sets.get(numbers)
            if found is None:
                found = self._sets[numbers] = _RuleSet([self._lines[number] for number in numbers])
            self._of_task[task_id, labels] = found
            if len(self._of_task) > _TASKS_REMEMBERED:
                self._of_task.popitem(last=False)
            if len(self._sets) > _TASKS_REMEMBERED // 16:
                self._sets.popitem(last=False)
        return found


def epoch_seconds(timestamp: str) -> float:
    """The Unix seconds of an entry's timestamp."""
    return datetime.fromisoformat(f"{timestamp[:26]}+00:00").timestamp()


class _RuleSet:
    """Rules that are about the same tasks."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._always = [rule for rule in rules if not rule.filter.keywords]
        self._by_keyword: dict[str, list[Rule]] = {}
        for rule in rules:
            for keyword in rule.filter.keywords:
                self._by_keyword.setdefault(keyword, []).append(rule)
        self._keywords = list(self._by_keyword)
        self._find = AhoCorasick(self._keywords).find_matches_as_indexes if self._keywords else None

    def candidates(self, entries: Sequence[LogEntry]) -> list[Rule]:
        """The rules that may match some of these lines."""
        if self._find is None:
            return self._always
        found: Mapping[str, Rule] = {
            rule.name: rule
            for entry in entries
            for number, _, _ in self._find(entry.message.casefold(), overlapping=True)
            for rule in self._by_keyword[self._keywords[number]]
        }
        return [*self._always, *found.values()]
