"""Alerts over HTTP: incidents, rules with a preview, and tests of targets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from components.alerts.access import ALERTS_WRITE, BASE, NAME_FORM, AlertAccess
from components.alerts.history_routes import history_routes
from components.alerts.maintenance_routes import maintenance_routes
from components.alerts.messages import (
    ALERTS,
    IncidentList,
    IncidentView,
    MuteRequest,
    Preview,
    PreviewRequest,
    RuleList,
    RuleView,
    SampleLine,
    TargetTested,
    Undelivered,
    UndeliveredList,
    incident_view,
    rule_view,
    time_text,
)
from components.alerts.rules import RuleError
from components.alerts.sending import SendError, title_and_text
from components.alerts.task_routes import task_routes
from filters.identifiers import IDENTIFIER_BYTES_MAX
from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.http.json_bodies import answer
from gateway.routing.operation import Body, DescribedRoute, Operation
from gateway.routing.parameters import Choice, Number, Parameter, Text

if TYPE_CHECKING:
    from components.alerts.alerts import Alerts
    from components.alerts.incidents import Incident

__all__ = ["alert_routes"]

_RETRY_AFTER_SECONDS: Final = 2
_UNDELIVERED_MAX: Final = 100
_NUMBER: Final = re.compile(r"[0-9]{1,16}", re.ASCII)

_STATE: Final = Choice("state", "Only these; without it, all.", choices=("open", "resolved"))
_RULE: Final = Text("rule", "Of this rule alone.", length_max=100, examples=("out-of-memory",))
_TASK: Final = Text(
    "task",
    "Of tasks with this in their names, in capitals or not. Of an incident of many tasks, the first 1,000 are known.",
    length_max=IDENTIFIER_BYTES_MAX,
    examples=("build",),
)
_ONE: Final = Number("id", "This one alone.", minimum=1, examples=(7,))
_LIMIT: Final = Number(
    "limit", "Incidents of one page; 50 without it.", minimum=1, maximum=200, default=50, examples=(20,)
)
_CURSOR: Final = Number("cursor", "`next` of the answer before.", minimum=1)
_ID: Final = Parameter(
    "incidentId",
    "The incident.",
    schema={"type": "string", "pattern": "^[0-9]{1,16}$"},
    examples=("7",),
    place="path",
    is_required=True,
)
_RULE_NAME: Final = Parameter(
    "name",
    "The rule.",
    schema={"type": "string", "pattern": NAME_FORM},
    examples=("out-of-memory",),
    place="path",
    is_required=True,
)
_TARGET: Final = Parameter(
    "target",
    "The target.",
    schema={"type": "string", "pattern": NAME_FORM},
    examples=("team",),
    place="path",
    is_required=True,
)
_EXAMPLE: Final = {"name": "out-of-memory", "filter": {"keywords": ["OutOfMemory"]}, "tasks": "build-*"}

_LIST: Final = Operation(
    "listIncidents",
    "GET",
    ALERTS,
    "Incidents, the newest first",
    description="Without `ALERT_RULES`, 503. For tokens without `tasks` and `pipelines`.",
    scope="logs:read",
    parameters=(_ONE, _STATE, _RULE, _TASK, _LIMIT, _CURSOR),
    answers={200: IncidentList},
    stored=True,
)
_RESOLVE: Final = Operation(
    "resolveIncident",
    "POST",
    ALERTS,
    "Resolve an incident",
    description="It says who has done it. The next line that matches opens another one.",
    scope=ALERTS_WRITE,
    parameters=(_ID,),
    answers={200: IncidentView},
    errors=("NOT_FOUND",),
    stored=True,
)
_MUTE: Final = Operation(
    "muteIncident",
    "POST",
    ALERTS,
    "Send nothing about an incident for a while",
    description="It continues counting. The incident says who has muted it, and until when; 0 minutes end it.",
    scope=ALERTS_WRITE,
    parameters=(_ID,),
    body=Body(MuteRequest, {"hour": {"minutes": 60}}),
    answers={200: IncidentView},
    errors=("NOT_FOUND",),
    stored=True,
)
_RULES: Final = Operation(
    "listAlertRules",
    "GET",
    ALERTS,
    "The rules in use",
    scope="logs:read",
    answers={200: RuleList},
    stored=True,
)
_STORE: Final = Operation(
    "storeAlertRule",
    "POST",
    ALERTS,
    "Store a rule",
    description="In the place of a stored one of the same name; rules of the file are changed there. It counts from "
    "the next line on.",
    scope=ALERTS_WRITE,
    body=Body(PreviewRequest, {"rule": {"rule": _EXAMPLE}}),
    answers={200: RuleView},
    stored=True,
)
_REMOVE: Final = Operation(
    "removeAlertRule",
    "DELETE",
    ALERTS,
    "Remove a stored rule",
    description="Its open incidents are resolved.",
    scope=ALERTS_WRITE,
    parameters=(_RULE_NAME,),
    answers={200: RuleList},
    errors=("NOT_FOUND",),
    stored=True,
)
_PREVIEW: Final = Operation(
    "previewAlertRule",
    "POST",
    ALERTS,
    "What a rule would have found",
    description="In the newest stored lines, for 5 s at most. Conditions that are about time find nothing.",
    scope=ALERTS_WRITE,
    body=Body(PreviewRequest, {"rule": {"rule": _EXAMPLE}}),
    answers={200: Preview},
    stored=True,
)
_TEST: Final = Operation(
    "testAlertTarget",
    "POST",
    ALERTS,
    "Send a test to a target",
    description="Once, without the outbox; what the target said is in the error.",
    scope=ALERTS_WRITE,
    parameters=(_TARGET,),
    answers={200: TargetTested},
    errors=("NOT_FOUND", "UNAVAILABLE"),
)
_UNDELIVERED: Final = Operation(
    "listUndelivered",
    "GET",
    ALERTS,
    "Notifications that were given up",
    description="Of the last day's attempts none was taken.",
    scope=ALERTS_WRITE,
    answers={200: UndeliveredList},
    stored=True,
)


def alert_routes(alerts: "Alerts | None", authenticator: Authenticator) -> list[DescribedRoute]:
    """All routes; without alerts they say that they are off."""
    access = AlertAccess(alerts, authenticator)
    handlers = _Handlers(access)
    return [
        DescribedRoute(f"{BASE}/incidents", handlers.page, _LIST),
        DescribedRoute(f"{BASE}/incidents/{{incident_id:identifier}}/resolve", handlers.resolve, _RESOLVE),
        DescribedRoute(f"{BASE}/incidents/{{incident_id:identifier}}/mute", handlers.mute, _MUTE),
        DescribedRoute(f"{BASE}/rules", handlers.rules, _RULES),
        DescribedRoute(f"{BASE}/rules", handlers.store, _STORE),
        DescribedRoute(f"{BASE}/rules/{{name:identifier}}", handlers.remove, _REMOVE),
        DescribedRoute(f"{BASE}/preview", handlers.preview, _PREVIEW),
        DescribedRoute(f"{BASE}/targets/{{target:identifier}}/test", handlers.test, _TEST),
        DescribedRoute(f"{BASE}/undelivered", handlers.undelivered, _UNDELIVERED),
        *history_routes(access),
        *task_routes(access),
        *maintenance_routes(access),
    ]


class _Handlers:
    def __init__(self, access: AlertAccess) -> None:
        self._access = access

    async def page(self, request: Request) -> Response:
        alerts, _ = await self._access.to_all(request, "logs:read")
        query = request.query_params
        state, limit = _STATE.of(query), _LIMIT.of(query)
        below = _CURSOR.of(query) or None
        is_open = None if state is None else state == "open"
        number = _ONE.of(query)
        if number:
            one = await alerts.find(number)
            return answer(IncidentList([] if one is None else [incident_view(one)], None))
        rule, task = _RULE.of(query), _TASK.of(query)
        found = await alerts.page(is_open=is_open, rule=rule, task=task, below=below, limit=limit + 1)
        following = str(found[limit - 1].id) if len(found) > limit else None
        return answer(IncidentList([incident_view(incident) for incident in found[:limit]], following))

    async def resolve(self, request: Request) -> Response:
        alerts, principal = await self._access.to_all(request, ALERTS_WRITE)
        changed = await alerts.engine.resolve(_number(request), principal.subject or "anonymous")
        return answer(incident_view(_found(changed)))

    async def mute(self, request: Request) -> Response:
        alerts, principal = await self._access.to_all(request, ALERTS_WRITE)
        wanted = await self._access.body(request, MuteRequest)
        by = principal.subject or "anonymous"
        changed = await alerts.engine.mute(_number(request), wanted.minutes * 60.0, by)
        return answer(incident_view(_found(changed)))

    async def rules(self, request: Request) -> Response:
        alerts, _ = await self._access.to_all(request, "logs:read")
        return answer(await _rule_list(alerts))

    async def store(self, request: Request) -> Response:
        alerts, principal = await self._access.to_all(request, ALERTS_WRITE)
        wanted = await self._access.body(request, PreviewRequest)
        with _rules():
            rule = await alerts.book.store(wanted.rule, principal.subject or "anonymous")
        return answer(rule_view(rule, 0))

    async def remove(self, request: Request) -> Response:
        alerts, _ = await self._access.to_all(request, ALERTS_WRITE)
        name = request.path_params["name"]
        if not await alerts.book.remove(name):
            raise ApiError("NOT_FOUND", f"there is no stored rule {name[:100]!r}")
        return answer(await _rule_list(alerts))

    async def preview(self, request: Request) -> Response:
        alerts, principal = await self._access.to_all(request, ALERTS_WRITE)
        wanted = await self._access.body(request, PreviewRequest)
        with _rules():
            found = await alerts.preview(alerts.book.parsed(wanted.rule, principal.subject))
        lines = [
            SampleLine(each.task_id, each.sequence, each.worker_id, each.level, each.message) for each in found.samples
        ]
        since = None if found.since is None else time_text(found.since)
        return answer(Preview(found.incidents, found.matches, found.lines, lines, found.is_complete, since))

    async def test(self, request: Request) -> Response:
        alerts, _ = await self._access.to_all(request, ALERTS_WRITE)
        name = request.path_params["target"]
        try:
            await alerts.test(name)
        except KeyError:
            raise ApiError("NOT_FOUND", f"there is no target {name[:100]!r}") from None
        except SendError as error:
            message = f"the target has not taken it: {error}"
            raise ApiError("UNAVAILABLE", message, retry_after_seconds=_RETRY_AFTER_SECONDS) from error
        return answer(TargetTested(name))

    async def undelivered(self, request: Request) -> Response:
        alerts, _ = await self._access.to_all(request, ALERTS_WRITE)
        found = await alerts.undelivered(_UNDELIVERED_MAX)
        return answer(
            UndeliveredList(
                [
                    Undelivered(
                        each.id,
                        each.target,
                        title_and_text(each.event)[0],
                        each.error,
                        each.attempts,
                        time_text(each.created_at),
                    )
                    for each in found
                ]
            )
        )


async def _rule_list(alerts: "Alerts") -> RuleList:
    counts: dict[str, int] = alerts.engine.open_by_rule
    notified = await alerts.notified_at()
    views = [
        rule_view(
            rule,
            counts.get(rule.name, 0),
            notified_last_hour=alerts.notified_last_hour(rule.name),
            notified_at=notified.get(rule.name),
        )
        for rule in sorted(alerts.book.rules, key=lambda rule: rule.name)
    ]
    return RuleList(views, sorted(alerts.targets))


def _number(request: Request) -> int:
    text: str = request.path_params["incident_id"]
    if not _NUMBER.fullmatch(text):
        raise ApiError("NOT_FOUND", f"there is no incident {text[:40]!r}")
    return int(text)


def _found(incident: "Incident | None") -> "Incident":
    if incident is None:
        raise ApiError("NOT_FOUND", "there is no such incident, or it is resolved")
    return incident


@contextmanager
def _rules() -> Iterator[None]:
    """Turns a rule that cannot be used into the answer that says why."""
    try:
        yield
    except RuleError as error:
        field = f"rule.{error.field}" if error.field else "rule"
        raise ApiError("INVALID_ARGUMENT", str(error), field=field) from error
