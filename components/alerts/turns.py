"""One turn of the engine: what a run of records, and time, change about incidents. Pure; a turn that is not stored
changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from components.alerts.durations import duration_text
from components.alerts.evaluation import Evaluation, Found, Match, TaskLines
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
from components.alerts.maintenance import Window
from components.alerts.rules import Condition, Group, Rule
from components.alerts.stages import StageEvent
from storage.journal.interface import TaskEnded

__all__ = ["PIPELINES_MAX", "Activity", "EngineState", "IncidentKey", "Slot", "Turn"]

IncidentKey = tuple[str, str, str]
"""Rule, key and template."""

Slot = tuple[str, str, str, int]
"""The same, and which one: of those that one turn resolves and opens anew."""

_SUCCESS: Final = "COMPLETED"
_FAILURE: Final = "FAILED"
_ENDS: Final = frozenset({Condition.FAILED, Condition.RECOVERED})
_RUNS_MAX: Final = 10_000
PIPELINES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Activity:
    """A task that has not ended: Unix seconds of its first and last line, and the rules that have noticed it."""

    first_at: float
    last_at: float
    noticed: tuple[str, ...] = ()


@dataclass(slots=True)
class EngineState:
    """The stored state of the engine.

    Attributes:
        position: the record up to which all were evaluated.
        version: of what is stored; it grows with each change.
        open: incidents that are not resolved.
        tasks: that have not ended; only if a rule is about time.
        runs: how the last run of each name has ended.
        windows: times of the last lines of rules that count, by rule and key.
        budgets: by rule.
        stages: the last transition of each pipeline that was evaluated; None: no rule is about stages.
    """

    position: int = 0
    version: int = 0
    open: dict[IncidentKey, Incident] = field(default_factory=dict)
    tasks: dict[str, Activity] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    windows: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    stages: dict[str, int] | None = None

    def documents(self) -> Mapping[str, Mapping[str, Any]]:
        """What is stored of it beside the incidents."""
        return {
            "position": {"record": self.position},
            "version": {"number": self.version},
            "tasks": {task: [each.first_at, each.last_at, *each.noticed] for task, each in self.tasks.items()},
            "runs": self.runs,
            "windows": {f"{rule}\n{key}": times for (rule, key), times in self.windows.items()},
            "budgets": {rule: [budget.suppressed, *budget.times] for rule, budget in self.budgets.items()},
            "stages": {"known": self.stages},
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
            stages=(documents("stages") or {"known": None})["known"],
        )


class Turn:
    """The changes of one turn: ``incidents``, ``lines`` and ``notices`` have to be stored, ``state`` is true then.

    Attributes:
        incidents: those that have changed.
        lines: what was added to them, by task.
        notices: what is to be sent.
        state: what is known afterwards.

    Args:
        before: the state; it is not changed.
        rules: all of them, by name.
        now: the gateway's clock, in Unix seconds.
        run_name: what a task is a run of.
        windows: of maintenance.
        labels: of a task, each as ``name`` and as ``name=value``.
    """

    def __init__(
        self,
        before: EngineState,
        rules: Mapping[str, Rule],
        now: float,
        run_name: Callable[[str], str],
        *,
        windows: Iterable[Window] = (),
        labels: Callable[[str], frozenset[str]] = lambda _: frozenset(),
    ) -> None:
        self.lines: dict[Slot, dict[str, TaskLines]] = {}
        self.incidents: dict[Slot, Incident] = {}
        self.notices: list[tuple[Slot, Notice]] = []
        self._numbers: dict[IncidentKey, int] = {}
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
            None if before.stages is None else dict(before.stages),
        )
        self.rules = rules
        self._now = now
        self._run_name = run_name
        self._windows = [window for window in windows if window.is_active(now)]
        self._labels = labels
        self._timed = [rule for rule in rules.values() if rule.lasting]
        self._about_ends = [rule for rule in rules.values() if rule.condition in _ENDS]
        self._per_rule: dict[str, int] = {}
        for rule, _, _ in before.open:
            self._per_rule[rule] = self._per_rule.get(rule, 0) + 1

    @property
    def has_effects(self) -> bool:
        """Whether there is more to be stored than what would follow from the same records again."""
        return bool(self.incidents or self.lines or self.notices)

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

    def take_stages(self, events: Iterable[StageEvent]) -> None:
        """Notice stages that have failed, and resolve what has completed since; each transition counts once."""
        if self.state.stages is None:
            return
        for event in sorted(events, key=lambda each: (each.pipeline_id, each.number)):
            known = self.state.stages.pop(event.pipeline_id, None)
            self.state.stages[event.pipeline_id] = max(known or 0, event.number)
            if len(self.state.stages) > PIPELINES_MAX:
                self.state.stages.pop(next(iter(self.state.stages)))
            if event.number > (known or 0):
                self._stage_ended(event)

    def pass_time(self) -> None:
        """Detect overdue tasks, resolve incidents that are over, and report lines whose cooldown has ended."""
        for task_id, activity in list(self.state.tasks.items()):
            for timed in self._timed:
                self._check_time(timed, task_id, activity)
        for place, incident in list(self.state.open.items()):
            rule = self.rules.get(incident.rule)
            if rule is None:
                self._resolve(place, incident, Resolution.HAND, "the rule was removed")
            elif rule.is_about_lines and self._now - incident.changed_at >= rule.resolve_after:
                self._resolve(place, incident, Resolution.SILENCE)
            elif self._budget_of(rule).has_room(self._now):
                self._tell(place, incident)

    def resolve(self, place: IncidentKey, by: str) -> None:
        """Resolve an incident by request."""
        self._resolve(place, self.state.open[place], Resolution.HAND, by)

    def put(self, place: IncidentKey, incident: Incident) -> None:
        """An incident has changed."""
        before = self.incidents.get(self.slot(place))
        if before is not None and not before.is_open and incident.is_open:
            self._numbers[place] = self._numbers.get(place, 0) + 1
        self.incidents[self.slot(place)] = incident
        if incident.is_open:
            self.state.open[place] = incident
        else:
            self.state.open.pop(place, None)

    def slot(self, place: IncidentKey) -> Slot:
        """The index of the last incident of a place in ``incidents``."""
        return (*place, self._numbers.get(place, 0))

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
        tasks = self.lines.setdefault(self.slot(place), {})
        for task_id, lines in found.tasks.items():
            tasks.setdefault(task_id, TaskLines()).add(lines)
        self._tell(place, incident)

    def _count(self, rule: Rule, key: str, founds: Sequence[Found]) -> None:
        found = founds[0] if len(founds) == 1 else _joined(founds)
        if (rule.name, key, "") in self.state.open:
            self._found(rule, key, "", found)
            return
        times = sorted([*self.state.windows.get((rule.name, key), ()), *found.times])
        self.state.windows[rule.name, key] = times[-rule.count :]
        ends = times[rule.count - 1 :]
        for after, (first, last) in enumerate(zip(times, ends, strict=False)):
            if last - first <= rule.within:
                del self.state.windows[rule.name, key]
                # The lines that opened it and what came after them, also those of earlier turns.
                count = len(times) - after + found.count - len(found.times)
                self._found(rule, key, "", replace(found, count=count))
                return

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
        is_silent = rule.condition is Condition.SILENT
        lasted = self._now - (activity.last_at if is_silent else activity.first_at)
        if lasted < rule.lasting or rule.name in activity.noticed or not rule.covers(task_id, self._labels(task_id)):
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
        for rule in self._about_ends:
            if not rule.covers(task_id, self._labels(task_id)):
                continue
            key = run if rule.key_of(task_id) == task_id else "*"
            if rule.condition is Condition.FAILED and ended.status == _FAILURE:
                self._found(rule, key, "", _said(task_id, ended.reason or "failed", moment, ended.last))
            if rule.condition is Condition.RECOVERED and ended.status == _SUCCESS and before == _FAILURE:
                self._found(rule, key, "", _said(task_id, "succeeded after a failure", moment, ended.last))
                place = (rule.name, key, "")
                self.put(place, resolved(self.state.open[place], Resolution.SUCCESS, self._now))
        if ended.status == _SUCCESS:
            for place, incident in list(self.state.open.items()):
                rule_of = self.rules.get(incident.rule)
                is_stage = rule_of is not None and rule_of.condition is Condition.STAGE_FAILED
                if incident.key in {task_id, run} and not is_stage:
                    self._resolve(place, incident, Resolution.SUCCESS)

    def _stage_ended(self, event: StageEvent) -> None:
        """An incident is about a stage of all runs of a pipeline, as that of a failed task is about all of its runs."""
        run = self._run_name(event.pipeline_id)
        for rule in self.rules.values():
            if rule.condition is not Condition.STAGE_FAILED or not rule.covers(event.pipeline_id):
                continue
            place = (rule.name, run if rule.group is Group.TASK else "*", event.stage_id)
            if event.has_failed:
                said = f"stage {event.stage_id} failed{': ' + event.message if event.message else ''}"
                self._found(rule, place[1], place[2], _said(event.pipeline_id, said, event.at))
            elif (incident := self.state.open.get(place)) is not None:
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
        if any(window.covers(rule.name, incident.task_id) for window in self._windows):
            return
        told, notice = notified(incident, rule, self._budget_of(rule), self._now)
        if notice is not None:
            self.put(place, told)
            self.notices.append((self.slot(place), notice))

    def _budget_of(self, rule: Rule) -> Budget:
        return self.state.budgets.setdefault(rule.name, Budget(rule.per_hour))


def _said(task_id: str, message: str, at: float, sequence: int = 0) -> Found:
    found = Found()
    found.add(Match(task_id, sequence, at, "", "", message))
    return found


def _joined(founds: Sequence[Found]) -> Found:
    """Lines of several kinds as one, in the order of their times."""
    joined = Found(sum(found.count for found in founds))
    samples = sorted((match for found in founds for match in found.samples), key=lambda match: match.at)
    joined.samples = samples[: len(founds[0].samples) or 1]
    joined.last = max((found.last for found in founds if found.last), key=lambda match: match.at)
    joined.times = sorted(at for found in founds for at in found.times)
    for found in founds:
        for task_id, lines in found.tasks.items():
            joined.tasks.setdefault(task_id, TaskLines()).add(lines)
    for lines in joined.tasks.values():
        lines.marks.sort()
    return joined
