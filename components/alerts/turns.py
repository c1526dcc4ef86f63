"""One turn of the engine: what a run of records, and time, change about incidents. Pure; a turn that is not stored
changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from components.alerts.durations import duration_text
from components.alerts.evaluation import Evaluation, Found, Match
from components.alerts.incidents import (
    OPEN_PER_RULE_MAX,
    OTHERS,
    Budget,
    Incident,
    Notice,
    Resolution,
    counted,
    notified,
    opened,
    resolved,
)
from components.alerts.rules import Condition, Rule
from storage.journal.interface import TaskEnded

__all__ = ["Activity", "EngineState", "IncidentKey", "Turn"]

IncidentKey = tuple[str, str, str]
"""Rule, key and template."""

_SUCCESS: Final = "COMPLETED"
_FAILURE: Final = "FAILED"
_RUNS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Activity:
    """A task that has not ended: Unix seconds of its first and last line, and the rules that have noticed it."""

    first_at: float
    last_at: float
    noticed: tuple[str, ...] = ()


@dataclass(slots=True)
class EngineState:
    """What the engine knows, as it is stored.

    Attributes:
        position: the record up to which all were evaluated.
        version: of what is stored; it grows with each change.
        open: incidents that are not resolved.
        tasks: that have not ended; only where a rule is about time.
        runs: how the last run of each name has ended.
        windows: times of the last lines of rules that count, by rule and key.
        budgets: by rule.
    """

    position: int = 0
    version: int = 0
    open: dict[IncidentKey, Incident] = field(default_factory=dict)
    tasks: dict[str, Activity] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    windows: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)

    def documents(self) -> Mapping[str, Mapping[str, Any]]:
        """What is stored of it beside the incidents."""
        return {
            "position": {"record": self.position},
            "version": {"number": self.version},
            "tasks": {task: [each.first_at, each.last_at, *each.noticed] for task, each in self.tasks.items()},
            "runs": self.runs,
            "windows": {f"{rule}\n{key}": times for (rule, key), times in self.windows.items()},
            "budgets": {rule: [budget.suppressed, *budget.times] for rule, budget in self.budgets.items()},
        }

    @classmethod
    def of(
        cls, documents: Callable[[str], dict[str, Any] | None], incidents: Iterable[Incident], rules: Iterable[Rule]
    ) -> "EngineState | None":
        """The state from what is stored; None if nothing is."""
        position = documents("position")
        if position is None:
            return None
        limits = {rule.name: rule.per_hour for rule in rules}
        kept = (documents("budgets") or {}).items()
        budgets = {name: Budget(limits[name], times, int(known)) for name, (known, *times) in kept if name in limits}
        windows = (documents("windows") or {}).items()
        return cls(
            position=position["record"],
            version=(documents("version") or {"number": 0})["number"],
            open={(each.rule, each.key, each.template): each for each in incidents},
            tasks={
                task: Activity(first, last, tuple(noticed))
                for task, (first, last, *noticed) in (documents("tasks") or {}).items()
            },
            runs=dict(documents("runs") or {}),
            windows={tuple(name.split("\n", 1)): times for name, times in windows},  # type: ignore[misc]
            budgets=budgets,
        )


class Turn:
    """The changes of one turn: ``incidents``, ``notices`` and ``mutes`` are stored, ``state`` is what is true then.

    Args:
        before: the state; it is not changed.
        rules: all of them, by name.
        now: the gateway's clock, in Unix seconds.
        run_name: what a task is a run of.
    """

    def __init__(
        self, before: EngineState, rules: Mapping[str, Rule], now: float, run_name: Callable[[str], str]
    ) -> None:
        self.incidents: dict[IncidentKey, Incident] = {}
        self.notices: list[tuple[IncidentKey, Notice]] = []
        self.mutes: list[tuple[IncidentKey, str, float]] = []
        self.state = EngineState(
            before.position,
            before.version,
            dict(before.open),
            dict(before.tasks),
            dict(before.runs),
            dict(before.windows),
            {
                name: Budget(each.per_hour, list(each.times), each.suppressed)
                for name, each in before.budgets.items()
                if name in rules
            },
        )
        self.rules = rules
        self._now = now
        self._run_name = run_name
        self._timed = [rule for rule in rules.values() if rule.lasting]
        self._per_rule: dict[str, int] = {}
        for rule, _, _ in before.open:
            self._per_rule[rule] = self._per_rule.get(rule, 0) + 1

    def take(self, evaluation: Evaluation, position: int) -> None:
        """Count what records have."""
        for task_id, (first, last) in evaluation.activity.items():
            self._has_lines(task_id, first, last)
        combined: dict[tuple[str, str], list[Found]] = {}
        for (name, key, template), found in evaluation.found.items():
            rule = self.rules.get(name)
            if rule is None:
                continue
            if rule.condition is Condition.COUNT:
                combined.setdefault((name, key), []).append(found)
            else:
                self._found(rule, key, template, found)
        for (name, key), founds in combined.items():
            self._count(self.rules[name], key, founds)
        for ended, at in evaluation.ended:
            self._ended(ended, at)
        self.state.position = position

    def pass_time(self) -> None:
        """Notice what lasts too long, resolve what is over, and tell what was waiting for its cooldown."""
        for task_id, activity in list(self.state.tasks.items()):
            for timed in self._timed:
                self._check_time(timed, task_id, activity)
        for place, incident in list(self.state.open.items()):
            rule = self.rules.get(incident.rule)
            if rule is None:
                self._resolve(place, incident, Resolution.HAND, "the rule was removed")
            elif rule.is_about_lines and self._now - incident.changed_at >= rule.resolve_after:
                self._resolve(place, incident, Resolution.SILENCE)
            else:
                self._tell(place, incident)

    def resolve(self, place: IncidentKey, by: str) -> None:
        """An incident is over, somebody says."""
        self._resolve(place, self.state.open[place], Resolution.HAND, by)

    def mute(self, place: IncidentKey, by: str, seconds: float) -> None:
        """Nothing is sent about an incident for a while, somebody says."""
        self.put(place, replace(self.state.open[place], muted_until=self._now + seconds))
        self.mutes.append((place, by, seconds))

    def put(self, place: IncidentKey, incident: Incident) -> None:
        """An incident has changed."""
        self.incidents[place] = incident
        if incident.is_open:
            self.state.open[place] = incident
        else:
            self.state.open.pop(place, None)

    def _found(self, rule: Rule, key: str, template: str, found: Found) -> None:
        place = (rule.name, key, template)
        incident = self.state.open.get(place)
        if incident is None:
            if self._per_rule.get(rule.name, 0) >= OPEN_PER_RULE_MAX:
                place = (rule.name, OTHERS, OTHERS)
                incident = self.state.open.get(place)
            if incident is None:
                self._per_rule[rule.name] = self._per_rule.get(rule.name, 0) + 1
        if incident is None:
            incident = opened(rule, place[1], place[2], found, self._now)
        else:
            incident = counted(incident, found, self._now)
        self.put(place, incident)
        self._tell(place, incident)

    def _count(self, rule: Rule, key: str, founds: Sequence[Found]) -> None:
        found = founds[0] if len(founds) == 1 else _joined(founds)
        if (rule.name, key, "") in self.state.open:
            self._found(rule, key, "", found)
            return
        times = sorted([*self.state.windows.get((rule.name, key), ()), *found.times])
        self.state.windows[rule.name, key] = times[-rule.count :]
        ends = times[rule.count - 1 :]
        if any(last - first <= rule.within for first, last in zip(times, ends, strict=False)):
            del self.state.windows[rule.name, key]
            self._found(rule, key, "", found)

    def _has_lines(self, task_id: str, first: float, last: float) -> None:
        if not self._timed:
            self.state.tasks.clear()
            return
        known = self.state.tasks.get(task_id)
        noticed = known.noticed if known else ()
        for rule in self._timed:
            if rule.condition is Condition.SILENT and rule.name in noticed:
                noticed = tuple(name for name in noticed if name != rule.name)
                self._over(rule, task_id)
        self.state.tasks[task_id] = Activity(known.first_at if known else first, last, noticed)

    def _check_time(self, rule: Rule, task_id: str, activity: Activity) -> None:
        if rule.name in activity.noticed or not rule.covers(task_id):
            return
        is_silent = rule.condition is Condition.SILENT
        lasted = self._now - (activity.last_at if is_silent else activity.first_at)
        if lasted < rule.lasting:
            return
        known = self.state.tasks[task_id]
        self.state.tasks[task_id] = Activity(known.first_at, known.last_at, (*known.noticed, rule.name))
        said = f"{'no line for' if is_silent else 'running for'} {duration_text(lasted)}"
        self._found(rule, rule.key_of(task_id), rule.condition, _said(task_id, said, self._now))

    def _ended(self, ended: TaskEnded, at: float) -> None:
        task_id, moment = ended.task_id, at or self._now
        activity = self.state.tasks.pop(task_id, None)
        for rule in self._timed if activity else ():
            self._over(rule, task_id)
        run = self._run_name(task_id)
        before = self.state.runs.pop(run, "")
        self.state.runs[run] = ended.status
        if len(self.state.runs) > _RUNS_MAX:
            self.state.runs.pop(next(iter(self.state.runs)))
        for rule in self.rules.values():
            if not rule.covers(task_id):
                continue
            key = run if rule.key_of(task_id) == task_id else "*"
            if rule.condition is Condition.FAILED and ended.status == _FAILURE:
                self._found(rule, key, "", _said(task_id, ended.reason or "failed", moment))
            if rule.condition is Condition.RECOVERED and ended.status == _SUCCESS and before == _FAILURE:
                self._found(rule, key, "", _said(task_id, "succeeded after a failure", moment))
                place = (rule.name, key, "")
                self.put(place, resolved(self.state.open[place], Resolution.SUCCESS, self._now))
        if ended.status == _SUCCESS:
            for place, incident in list(self.state.open.items()):
                if incident.key in {task_id, run}:
                    self._resolve(place, incident, Resolution.SUCCESS)

    def _over(self, rule: Rule, task_id: str) -> None:
        place = (rule.name, rule.key_of(task_id), str(rule.condition))
        if (incident := self.state.open.get(place)) is not None:
            self._resolve(place, incident, Resolution.SUCCESS)

    def _resolve(self, place: IncidentKey, incident: Incident, how: Resolution, by: str = "") -> None:
        incident = resolved(incident, how, self._now, by)
        self.put(place, incident)
        self._tell(place, incident)

    def _tell(self, place: IncidentKey, incident: Incident) -> None:
        rule = self.rules.get(incident.rule)
        if rule is None:
            return  # it was removed
        budget = self.state.budgets.setdefault(rule.name, Budget(rule.per_hour))
        told, notice = notified(incident, rule, budget, self._now)
        if notice is not None:
            self.put(place, told)
            self.notices.append((place, notice))


def _said(task_id: str, message: str, at: float) -> Found:
    found = Found()
    found.add(Match(task_id, 0, at, "", "", message))
    return found


def _joined(founds: Sequence[Found]) -> Found:
    """Lines of several kinds as one, in the order of their times."""
    joined = Found(sum(found.count for found in founds))
    samples = sorted((match for found in founds for match in found.samples), key=lambda match: match.at)
    joined.samples = samples[: len(founds[0].samples) or 1]
    joined.last = max((found.last for found in founds if found.last), key=lambda match: match.at)
    joined.times = sorted(at for found in founds for at in found.times)
    return joined
