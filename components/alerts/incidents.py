"""Incidents: what opens, counts, notifies and resolves. Pure: times are given, nothing is stored here.

The first line of a kind notifies. Later lines are counted and reported at most once per cooldown, in one message. A
rule has a budget of notifications per hour. Lines beyond it are counted and reported with the next notification.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from components.alerts.evaluation import SAMPLES_MAX, Found, Match
from components.alerts.rules import Rule

__all__ = [
    "OPEN_PER_RULE_MAX",
    "OTHERS",
    "Incident",
    "Notice",
    "NoticeKind",
    "Resolution",
    "counted",
    "opened",
    "resolved",
]

OPEN_PER_RULE_MAX: Final = 100
"""Open incidents of a rule; further kinds of lines share one."""

OTHERS: Final = "(others)"
_SAMPLE_CHARACTERS_MAX: Final = 2_000


class NoticeKind(StrEnum):
    """Why somebody is notified."""

    OPENED = "opened"
    CONTINUES = "continues"
    RESOLVED = "resolved"
    TEST = "test"


class Resolution(StrEnum):
    """How an incident was resolved."""

    SUCCESS = "success"
    """The task, or its next run, succeeded; or a silent task has lines again."""
    SILENCE = "silence"
    """Nothing matched for as long as the rule says."""
    HAND = "hand"


@dataclass(frozen=True, slots=True)
class Sample:
    """A line of an incident."""

    task_id: str
    sequence: int
    worker_id: str
    level: str
    message: str

    @classmethod
    def of(cls, match: Match) -> "Sample":
        """The line, cut to 2,000 characters."""
        return cls(match.task_id, match.sequence, match.worker_id, match.level, match.message[:_SAMPLE_CHARACTERS_MAX])


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What one rule has found of one kind, until it is resolved.

    Attributes:
        key: the task, or ``*`` for a rule that groups all.
        template: what its lines have in common.
        first_at: Unix seconds of the first line; ``last_at`` of the last.
        changed_at: when it was last counted, by the gateway's clock.
        told: lines that the last notification counted.
        notified_at: when that was made; None: there was none.
        notices: how many were made.
        muted_until: no notification before that; ``muted_by``: who has said so.
    """

    id: int = 0
    rule: str
    key: str
    template: str
    count: int
    opened_at: float
    first_at: float
    last_at: float
    changed_at: float
    samples: tuple[Sample, ...] = ()
    last: Sample | None = None
    told: int = 0
    notified_at: float | None = None
    notices: int = 0
    muted_until: float = float("-inf")
    muted_by: str = ""
    resolved_at: float | None = None
    resolution: Resolution | None = None
    resolved_by: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is not resolved."""
        return self.resolved_at is None

    def is_muted(self, now: float) -> bool:
        """Whether notifications are suppressed."""
        return now < self.muted_until

    @property
    def task_id(self) -> str:
        """The task, or the pipeline, of its newest line."""
        return self.last.task_id if self.last is not None else self.key


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be sent about an incident, as it is then."""

    kind: NoticeKind
    incident: Incident


@dataclass(slots=True)
class Budget:
    """Notifications of a rule within the last hour."""

    per_hour: int
    times: list[float] = field(default_factory=list)
    suppressed: int = 0

    def has_room(self, now: float) -> bool:
        """Whether there is one more."""
        return sum(at > now - 3600 for at in self.times) < self.per_hour

    def take(self, now: float) -> bool:
        """Whether there is one more; if so, it is gone."""
        self.times = [at for at in self.times if at > now - 3600]
        if len(self.times) >= self.per_hour:
            self.suppressed += 1
            return False
        self.times.append(now)
        return True


def opened(rule: Rule, key: str, template: str, found: Found, now: float) -> Incident:
    """A new incident."""
    first = found.samples[0]
    return Incident(
        rule=rule.name,
        key=key,
        template=template,
        count=found.count,
        opened_at=now,
        first_at=first.at,
        last_at=(found.last or first).at,
        changed_at=now,
        samples=tuple(map(Sample.of, found.samples)),
        last=Sample.of(found.last or first),
    )


def counted(incident: Incident, found: Found, now: float) -> Incident:
    """An incident with further lines."""
    room = SAMPLES_MAX - len(incident.samples)
    last = found.last or found.samples[-1]
    return replace(
        incident,
        count=incident.count + found.count,
        last_at=max(incident.last_at, last.at),
        changed_at=now,
        samples=incident.samples + tuple(map(Sample.of, found.samples[:room])),
        last=Sample.of(last),
    )


def resolved(incident: Incident, how: Resolution, now: float, by: str = "") -> Incident:
    """An incident that is over."""
    return replace(incident, resolved_at=now, resolution=how, resolved_by=by)


def notified(incident: Incident, rule: Rule, budget: Budget, now: float) -> tuple[Incident, Notice | None]:
    """The incident and what is to be sent about it now, if anything: see this module.

    What is gathered into a digest is bounded by that, and takes nothing from the budget.
    """
    kind = _due(incident, rule, now)
    if kind is None or incident.is_muted(now) or not (rule.digest or budget.take(now)):
        return incident, None
    after = replace(incident, told=incident.count, notified_at=now, notices=incident.notices + 1)
    return after, Notice(kind, after)


def _due(incident: Incident, rule: Rule, now: float) -> NoticeKind | None:
    if not incident.is_open:
        return NoticeKind.RESOLVED if incident.notified_at is not None else None
    if incident.notified_at is None:
        return NoticeKind.OPENED
    is_cool = now - incident.notified_at >= rule.cooldown
    return NoticeKind.CONTINUES if is_cool and incident.count > incident.told else None
