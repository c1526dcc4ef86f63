"""Rules: a filter with a condition, the tasks that it is about, and who is notified."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from components.alerts.durations import duration_seconds
from components.alerts.names import NAME, NAME_RULE
from filters.matching import Matcher
from filters.model import EVERYTHING, FilterError, LogFilter
from filters.parsing import filter_from_json

__all__ = ["RULES_MAX", "Condition", "Group", "Rule", "RuleDocument", "RuleError", "rule_from", "rules_from"]

RULES_MAX: Final = 10_000
_NAMED: Final = re.compile(r"`(?:\$\.)?([a-z_]+)")
_PATTERNS_MAX: Final = 100
_COUNT_MAX: Final = 1_000
_LABELS_MAX: Final = 20
_NO_LABELS: Final = frozenset[str]()


class Condition(StrEnum):
    """When a rule opens an incident."""

    LINE = "line"
    """A line matches."""
    COUNT = "count"
    """``count`` lines match within ``within``."""
    FAILED = "failed"
    """A task ends and has not succeeded."""
    RECOVERED = "recovered"
    """A task succeeds whose run before has failed."""
    RUNNING = "running"
    """A task runs longer than ``for``."""
    SILENT = "silent"
    """A running task has no line for ``for``."""
    STAGE_FAILED = "stage_failed"
    """A stage of a pipeline fails."""


class Group(StrEnum):
    """What shares an incident."""

    TASK = "task"
    RULE = "rule"


class RuleError(ValueError):
    """A rule that cannot be used; the text begins with its place and says what would be right.

    The first name in backticks is the field that it is about.
    """

    @property
    def field(self) -> str:
        """The field of the rule that is wrong; empty: the rule as a whole."""
        return next((name for name in _NAMED.findall(str(self)) if name in _FIELDS), "")


class RuleDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A rule as it is written."""

    name: str
    when: str = "line"
    filter: str | dict[str, Any] = msgspec.field(default_factory=dict)
    tasks: str | list[str] = "*"
    labels: dict[str, str] | list[str] = msgspec.field(default_factory=list)
    count: int | None = None
    within: str | None = None
    for_: str | None = msgspec.field(name="for", default=None)
    group: str = "task"
    notify: list[str] | None = None
    cooldown: str = "15m"
    resolve_after: str = "30m"
    severity: str = "warning"
    notifications_per_hour: int = 20
    digest: str | None = None
    description: str = ""


_FIELDS: Final = frozenset(field.encode_name for field in msgspec.structs.fields(RuleDocument))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that is ready to be used; times in seconds.

    Attributes:
        tasks: patterns; of ``STAGE_FAILED`` those of pipelines.
        labels: that the task has to have all, each as ``name`` or ``name=value``.
        within: of ``COUNT``.
        lasting: of ``RUNNING`` and ``SILENT``.
        notify: names of targets.
        cooldown: between two notifications of an incident.
        resolve_after: without a new match, an incident of lines is over.
        per_hour: notifications of the rule within an hour, at most.
        digest: seconds over which notifications are gathered into one; 0: each is sent by itself.
        source: ``file``, or who has stored it.
        document: as it would be written, without what is as by default.
    """

    name: str
    condition: Condition
    filter: LogFilter
    tasks: tuple[str, ...]
    labels: frozenset[str] = _NO_LABELS
    count: int = 1
    within: float = 0.0
    lasting: float = 0.0
    group: Group = Group.TASK
    notify: tuple[str, ...] = ()
    cooldown: float = 900.0
    resolve_after: float = 1800.0
    severity: str = "warning"
    per_hour: int = 20
    digest: float = 0.0
    description: str = ""
    source: str = "file"
    document: Mapping[str, Any] = field(default_factory=dict, compare=False)
    matcher: Matcher = field(default_factory=Matcher, compare=False)

    def covers(self, task_id: str, labels: Set[str] = _NO_LABELS) -> bool:
        """Whether it is about a task with these labels, each as ``name`` and as ``name=value``; or a pipeline."""
        return self.labels <= labels and any(fnmatchcase(task_id, pattern) for pattern in self.tasks)

    def key_of(self, task_id: str) -> str:
        """What its incidents are grouped by."""
        return task_id if self.group is Group.TASK else "*"

    @property
    def is_about_lines(self) -> bool:
        """Whether lines are matched."""
        return self.condition in {Condition.LINE, Condition.COUNT}


def rules_from(document: object, targets: Iterable[str], *, place: str = "rules") -> list[Rule]:
    """The rules of a document: ``{"rules": […]}``, with ``defaults`` for what a rule leaves out.

    Args:
        document: as read from YAML or JSON.
        targets: names that ``notify`` may have.
        place: of the document, for errors.

    Raises:
        RuleError: a rule cannot be used.
    """
    if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
        raise RuleError(f"{place}: write a list under `rules:`")
    unknown = set(document) - {"rules", "defaults", "maintenance"}
    if unknown:
        raise RuleError(
            f"{place}: {min(map(str, unknown))!r} is unknown; there are `rules`, `defaults` and `maintenance`"
        )
    defaults = document.get("defaults") or {}
    if not isinstance(defaults, dict):
        raise RuleError(f"{place}: `defaults` is no mapping")
    if len(document["rules"]) > RULES_MAX:
        raise RuleError(f"{place}: {len(document['rules']):,} rules are more than {RULES_MAX:,}")
    names = frozenset(targets)
    rules = []
    seen: set[str] = set()
    for number, written in enumerate(document["rules"], 1):
        name = written.get("name", number) if isinstance(written, dict) else number
        rule = rule_from({**defaults, **written} if isinstance(written, dict) else written, names, place=f"rule {name}")
        if rule.name in seen:
            raise RuleError(f"rule {rule.name}: there is another rule of this name")
        seen.add(rule.name)
        rules.append(rule)
    return rules


def rule_from(written: object, targets: Iterable[str], *, place: str = "rule", source: str = "file") -> Rule:
    """A rule from its document.

    Raises:
        RuleError: it cannot be used.
    """
    try:
        document = msgspec.convert(written, RuleDocument)
    except msgspec.ValidationError as error:
        raise RuleError(f"{place}: {error}") from error
    try:
        return _made(document, frozenset(targets), source)
    except FilterError as error:
        raise RuleError(f"{place}: `filter`: {error}") from error
    except ValueError as error:
        raise RuleError(f"{place}: {error}") from error


def _made(document: RuleDocument, targets: frozenset[str], source: str) -> Rule:
    if not NAME.fullmatch(document.name):
        raise ValueError(f"`name` is {NAME_RULE}")
    condition = _one_of("when", document.when, Condition)
    tasks = (document.tasks,) if isinstance(document.tasks, str) else tuple(document.tasks)
    if not 1 <= len(tasks) <= _PATTERNS_MAX or not all(tasks):
        raise ValueError(f"`tasks` is a pattern like build-*, or a list of 1 to {_PATTERNS_MAX}")
    log_filter = _filter_of(document.filter)
    if condition is Condition.LINE and log_filter == EVERYTHING:
        raise ValueError("`filter` is missing: every line of every task would match")
    if condition not in {Condition.LINE, Condition.COUNT} and log_filter != EVERYTHING:
        raise ValueError(f"`filter` has no meaning with `when: {condition}`")
    return Rule(
        name=document.name,
        condition=condition,
        filter=log_filter,
        tasks=tasks,
        labels=_labels_of(document.labels, condition),
        count=_count_of(document, condition),
        within=_duration_of("within", document.within, is_needed=condition is Condition.COUNT),
        lasting=_duration_of("for", document.for_, is_needed=condition in {Condition.RUNNING, Condition.SILENT}),
        group=_one_of("group", document.group, Group),
        notify=_targets_of(document.notify, targets),
        cooldown=_duration("cooldown", document.cooldown),
        resolve_after=_duration("resolve_after", document.resolve_after),
        severity=document.severity[:40],
        per_hour=max(document.notifications_per_hour, 1),
        digest=_duration("digest", document.digest) if document.digest is not None else 0.0,
        description=document.description[:1000],
        source=source,
        document=msgspec.to_builtins(document),
        matcher=Matcher(log_filter),
    )


def _filter_of(written: "str | Mapping[str, Any]") -> LogFilter:
    return filter_from_json({"expression": written} if isinstance(written, str) else dict(written))


def _labels_of(written: Mapping[str, str] | Sequence[str], condition: Condition) -> frozenset[str]:
    labels = [f"{name}={value}" for name, value in written.items()] if isinstance(written, Mapping) else written
    if labels and condition is Condition.STAGE_FAILED:
        raise ValueError("`labels` are of tasks: pipelines have none")
    if len(labels) > _LABELS_MAX or not all(label.partition("=")[0] for label in labels):
        raise ValueError(f"`labels` are up to {_LABELS_MAX}, as {{repo: shop}} or [repo=shop, nightly]")
    return frozenset(labels)


def _count_of(document: RuleDocument, condition: Condition) -> int:
    if condition is not Condition.COUNT:
        if document.count is not None:
            raise ValueError("`count` goes with `when: count`")
        return 1
    if document.count is None or not 2 <= document.count <= _COUNT_MAX:
        raise ValueError(f"`count` is 2 to {_COUNT_MAX}")
    return document.count


def _duration_of(name: str, text: str | None, *, is_needed: bool) -> float:
    if text is None:
        if is_needed:
            raise ValueError(f"`{name}` is missing: write {name}: 10m")
        return 0.0
    if not is_needed:
        raise ValueError(f"`{name}` has no meaning with this `when`")
    return _duration(name, text)


def _duration(name: str, text: str) -> float:
    try:
        return duration_seconds(text)
    except ValueError as error:
        raise ValueError(f"`{name}`: {error}") from None


def _targets_of(names: Sequence[str] | None, targets: frozenset[str]) -> tuple[str, ...]:
    for name in names or ():
        if name not in targets:
            known = f"there are {', '.join(sorted(targets))}" if targets else "no targets are configured"
            raise ValueError(f"`notify` names {name[:40]!r}: {known}")
    return tuple(dict.fromkeys(names or ()))


def _one_of(name: str, text: str, kind: Any) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"`{name}` is {text[:40]!r}: write one of {', '.join(kind)}") from None
