"""What is said of alerts over HTTP and in notifications."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from components.alerts.incidents import Incident, NoticeKind, Sample
from components.alerts.maintenance import Window
from components.alerts.repository import MarkedIncident
from components.alerts.rules import Rule
from gateway.routing.operation import Tag

__all__ = [
    "ALERTS",
    "IncidentList",
    "IncidentView",
    "MaintenanceList",
    "MaintenanceRequest",
    "MaintenanceView",
    "MuteRequest",
    "Preview",
    "PreviewRequest",
    "RuleList",
    "RuleView",
    "TargetTested",
    "TaskCount",
    "TaskCounts",
    "TaskIncident",
    "TaskIncidents",
    "Undelivered",
    "UndeliveredList",
    "digest_event",
    "incident_event",
    "incident_view",
    "rule_view",
    "task_incident",
    "window_view",
]

ALERTS: Final = Tag("Alerts", "Incidents that rules over the lines of all tasks have opened.")
_TIME: Final = msgspec.Meta(examples=["2026-01-01T00:00:00Z"], extra_json_schema={"format": "date-time"})
Time = Annotated[str, _TIME]


def _like(*examples: str) -> msgspec.Meta:
    return msgspec.Meta(examples=list(examples))


class SampleLine(msgspec.Struct, rename="camel"):
    """A line of an incident."""

    task_id: Annotated[str, _like("build-7")]
    sequence: int
    worker_id: Annotated[str, _like("worker-1")]
    level: Annotated[str, _like("ERROR")]
    message: Annotated[str, _like("OutOfMemory at 0x2a")]


class IncidentView(msgspec.Struct, rename="camel"):
    """What one rule has found of one kind."""

    id: int
    rule: Annotated[str, msgspec.Meta(examples=["out-of-memory"])]
    key: Annotated[str, msgspec.Meta(description="The task or its runs; `*`: of all tasks.", examples=["build-7"])]
    template: Annotated[str, msgspec.Meta(description="What its lines have in common.", examples=["OutOfMemory at *"])]
    count: Annotated[int, msgspec.Meta(description="Lines.", examples=[12])]
    is_open: bool
    opened_at: Time
    first_at: Time
    last_at: Time
    resolved_at: Time | None
    resolution: Annotated[str | None, msgspec.Meta(description="`success`, `silence` or `hand`.", examples=["hand"])]
    resolved_by: Annotated[str, _like("alice")]
    muted_until: Time | None
    muted_by: Annotated[str, _like("alice")]
    notifications: int
    lines: list[SampleLine]


class IncidentList(msgspec.Struct, rename="camel"):
    """Incidents, the newest first."""

    incidents: list[IncidentView]
    next: Annotated[str | None, msgspec.Meta(description="`cursor` of the next page; null: there is none.")]


class Mark(msgspec.Struct):
    """The place of a line."""

    sequence: Annotated[int, msgspec.Meta(examples=[51])]
    timestamp: Time


class TaskIncident(msgspec.Struct, rename="camel"):
    """An incident, and what it has of one task. Its ``lines`` are those of the task."""

    incident: IncidentView
    severity: Annotated[str, _like("critical")]
    count: Annotated[int, msgspec.Meta(description="Lines of the task.", examples=[3])]
    marks: Annotated[list[Mark], msgspec.Meta(description="The first 200 of these lines.")]


class TaskIncidents(msgspec.Struct, rename="camel"):
    """Incidents with lines of one task, the newest first."""

    task_id: Annotated[str, _like("build-7")]
    incidents: list[TaskIncident]


class TaskCount(msgspec.Struct, rename="camel"):
    """How many open incidents a task has."""

    task_id: Annotated[str, _like("build-7")]
    open: Annotated[int, msgspec.Meta(examples=[1])]


class TaskCounts(msgspec.Struct, rename="camel"):
    """Tasks with open incidents, that with the newest one first."""

    tasks: list[TaskCount]
    is_complete: Annotated[bool, msgspec.Meta(description="False: there are more than were asked for.")]


class MuteRequest(msgspec.Struct):
    """How long nothing is sent."""

    minutes: Annotated[
        int, msgspec.Meta(ge=0, le=43_200, description="Up to 43,200, which is 30 days; 0: no longer muted.")
    ]


class MaintenanceView(msgspec.Struct, rename="camel"):
    """A time at which nobody is notified."""

    name: Annotated[str, _like("nightly")]
    rules: Annotated[list[str], msgspec.Meta(examples=[["*"]])]
    tasks: Annotated[list[str], msgspec.Meta(examples=[["build-*"]])]
    start: Annotated[Time | None, msgspec.Meta(description="Null: it comes every week.")]
    end: Time | None
    weekly: Annotated[
        str | None,
        msgspec.Meta(description="Days, times and time zone.", examples=["sat, sun 22:00 to 06:00 Asia/Seoul"]),
    ]
    is_active: Annotated[bool, msgspec.Meta(description="Whether it is that time.")]
    description: Annotated[str, _like("Backups.")]
    source: Annotated[str, msgspec.Meta(description="`file`, or who has stored it.", examples=["file"])]


class MaintenanceList(msgspec.Struct):
    """The maintenance windows."""

    windows: list[MaintenanceView]


class MaintenanceRequest(msgspec.Struct):
    """A maintenance window."""

    window: Annotated[dict[str, Any], msgspec.Meta(description="As in a file of rules.")]


class RuleView(msgspec.Struct, rename="camel"):
    """A rule that is in use."""

    name: Annotated[str, msgspec.Meta(examples=["out-of-memory"])]
    when: Annotated[str, msgspec.Meta(examples=["line"])]
    tasks: Annotated[list[str], msgspec.Meta(examples=[["build-*"]])]
    labels: Annotated[list[str], msgspec.Meta(examples=[["repo=shop"]])]
    notify: Annotated[list[str], msgspec.Meta(examples=[["team"]])]
    severity: Annotated[str, _like("critical")]
    description: Annotated[str, _like("See the page on heap sizes.")]
    source: Annotated[str, msgspec.Meta(description="`file`, or who has stored it.", examples=["file"])]
    open_incidents: int
    notifications_per_hour: Annotated[int, msgspec.Meta(description="At most.", examples=[20])]
    notifications_last_hour: Annotated[int, msgspec.Meta(description="Made so far.", examples=[2])]
    notified_at: Annotated[Time | None, msgspec.Meta(description="Last; null: never, as far as is kept.")]
    rule: Annotated[dict[str, Any], msgspec.Meta(description="As it would be written in a file of rules.")]


class RuleList(msgspec.Struct):
    """The rules that are in use, and the names of the targets."""

    rules: list[RuleView]
    targets: Annotated[list[str], msgspec.Meta(examples=[["team"]])]


class PreviewRequest(msgspec.Struct):
    """A rule that is to be tried on stored lines."""

    rule: Annotated[dict[str, Any], msgspec.Meta(description="As in a file of rules.")]


class Preview(msgspec.Struct, rename="camel"):
    """What a rule would have found."""

    incidents: Annotated[int, msgspec.Meta(description="That it would have opened.")]
    matches: Annotated[int, msgspec.Meta(description="Lines that match.")]
    lines: Annotated[int, msgspec.Meta(description="That were looked at.")]
    examples: list[SampleLine]
    is_complete: Annotated[bool, msgspec.Meta(description="False: there are older lines that were not looked at.")]
    since: Annotated[Time | None, msgspec.Meta(description="Of the first line that was looked at.")]


class TargetTested(msgspec.Struct):
    """The target has taken a test."""

    target: Annotated[str, _like("team")]
    success: bool = True


class Undelivered(msgspec.Struct, rename="camel"):
    """A notification that was given up."""

    id: int
    target: Annotated[str, _like("team")]
    title: Annotated[str, _like("[critical] out-of-memory: build-7 (12 lines)")]
    error: Annotated[str, _like("no answer within 10 s")]
    attempts: int
    created_at: Time


class UndeliveredList(msgspec.Struct):
    """Notifications that were given up, the newest first."""

    notifications: list[Undelivered]


def time_text(seconds: float) -> str:
    """Unix seconds as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(sample: Sample) -> SampleLine:
    return SampleLine(sample.task_id, sample.sequence, sample.worker_id, sample.level, sample.message)


def incident_view(incident: Incident) -> IncidentView:
    """An incident as it is shown."""
    return IncidentView(
        id=incident.id,
        rule=incident.rule,
        key=incident.key,
        template=incident.template,
        count=incident.count,
        is_open=incident.is_open,
        opened_at=time_text(incident.opened_at),
        first_at=time_text(incident.first_at),
        last_at=time_text(incident.last_at),
        resolved_at=None if incident.resolved_at is None else time_text(incident.resolved_at),
        resolution=None if incident.resolution is None else incident.resolution.value,
        resolved_by=incident.resolved_by,
        muted_until=None if incident.muted_until == float("-inf") else time_text(incident.muted_until),
        muted_by=incident.muted_by,
        notifications=incident.notices,
        lines=[_line(sample) for sample in incident.samples],
    )


def task_incident(found: MarkedIncident, task_id: str, severity: str) -> TaskIncident:
    """An incident as it is shown beside the log of a task."""
    view = incident_view(found.incident)
    view.lines = [line for line in view.lines if line.task_id == task_id]
    marks = [Mark(sequence, time_text(at)) for sequence, at in found.lines.marks]
    return TaskIncident(view, severity, found.lines.count, marks)


def window_view(window: Window, now: float) -> MaintenanceView:
    """A maintenance window as it is shown."""
    is_once = window.zone is None
    return MaintenanceView(
        name=window.name,
        rules=list(window.rules),
        tasks=list(window.tasks),
        start=time_text(window.start) if is_once else None,
        end=time_text(window.end) if is_once else None,
        weekly=window.weekly_text,
        is_active=window.is_active(now),
        description=window.description,
        source=window.source,
    )


def rule_view(
    rule: Rule, open_incidents: int, *, notified_last_hour: int = 0, notified_at: float | None = None
) -> RuleView:
    """A rule as it is shown."""
    return RuleView(
        rule.name,
        rule.condition.value,
        list(rule.tasks),
        sorted(rule.labels),
        list(rule.notify),
        rule.severity,
        rule.description,
        rule.source,
        open_incidents,
        rule.per_hour,
        notified_last_hour,
        None if notified_at is None else time_text(notified_at),
        dict(rule.document),
    )


def digest_event(events: Sequence[Mapping[str, Any]], count: int) -> dict[str, Any]:
    """Several notifications as one.

    Args:
        events: those of the newest incidents, the newest first.
        count: of all incidents.
    """
    return {"type": "incident.digest", "kind": "digest", "count": count, "events": list(events)}


def incident_event(kind: NoticeKind, incident: Incident, rule: Rule) -> dict[str, Any]:
    """What is sent to a target."""
    view: dict[str, Any] = msgspec.to_builtins(incident_view(incident))
    lines = view.pop("lines")
    return {
        "type": f"incident.{kind.value}",
        "kind": kind.value,
        "incident": view,
        "rule": {"name": rule.name, "severity": rule.severity, "description": rule.description},
        "lines": lines,
    }
