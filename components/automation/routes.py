"""The automation queue over HTTP: add tasks, look at them, stop, retry and delete them."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from components.automation.messages import (
    AutomationCounts,
    AutomationDone,
    AutomationProgress,
    AutomationStage,
    AutomationTask,
    AutomationTaskCreated,
    AutomationTaskList,
    AutomationTaskRequest,
    AutomationTaskRetried,
    ContentRow,
    ListedAutomationTask,
    QueueRow,
    ScheduleRequest,
    ScheduleRow,
    StopRequest,
    TaskRow,
)
from components.automation.openapi import (
    CREATE_AUTOMATION_TASK,
    DELETE_AUTOMATION_TASK,
    LIMIT,
    LIST_AUTOMATION_TASKS,
    OFFSET,
    READ_AUTOMATION_TASK,
    RETRY_AUTOMATION_TASK,
    STOP_AUTOMATION_TASK,
    TAB,
)
from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.http.json_bodies import BodyBudget, answer, decoded, read_body, text_times
from gateway.routing.operation import DescribedRoute
from gateway.routing.parameters import checked_identifier
from gateway.routing.path_parameters import path_identifier
from gateway.settings.values import MEDIA_MODES
from storage.errors import RecordRefusedError, StorageError

if TYPE_CHECKING:
    from components.automation.queue import AutomationQueue
    from components.automation.tables.overview import ListedTask, StageOverview, TaskDetail

__all__ = ["automation_routes"]

TASKS_PATH: Final = "/api/automation/tasks"
TASK_PATH: Final = f"{TASKS_PATH}/{{task_id:identifier}}"
RETRY_PATH: Final = f"{TASK_PATH}/retry"
STOP_PATH: Final = "/api/automation/stop"

_RETRY_AFTER_SECONDS: Final = 2
_BODIES_BYTES_MAX: Final = 4 << 20
_TITLE_LENGTH_MAX: Final = 300
_OFF: Final = "the automation queue is off: set AUTOMATION_ENABLED=true to use it"


T = TypeVar("T", bound=msgspec.Struct)


class _TaskRoute(DescribedRoute):
    """A task itself; ``/retry`` after one is another path, with methods of its own."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope.get("raw_path", b"").endswith(b"/retry"):
            return Match.NONE, {}
        return super().matches(scope)


class _Handlers:
    """Answers the requests; ``queue`` is None if it is off."""

    def __init__(self, queue: "AutomationQueue | None", authenticator: Authenticator) -> None:
        self._queue = queue
        self._authenticator = authenticator
        self._budget = BodyBudget(_BODIES_BYTES_MAX)

    def _running(self) -> "AutomationQueue":
        if self._queue is None:
            raise ApiError("NOT_FOUND", _OFF)
        return self._queue

    async def _body_of(self, request: Request, kind: type[Any]) -> Any:
        body = await read_body(request, self._budget)
        try:
            return await decoded(body, kind)
        finally:
            self._budget.give_back(len(body))

    async def _named(self, request: Request, path: str, scope: str) -> str:
        principal = await self._authenticator.principal_of(request)
        task_id = path_identifier(request.scope, path, "task_id")
        principal.require(scope)
        principal.require(scope, task_id=task_id)
        return task_id

    async def create(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        task_id = str(uuid4())
        principal.require("logs:write")
        principal.require("logs:write", task_id=task_id)
        tasks = self._running()
        wanted: AutomationTaskRequest = await self._body_of(request, AutomationTaskRequest)
        await tasks.create(_title(wanted.title), wanted.type, task_id=task_id, **_fields(wanted))
        return answer(AutomationTaskCreated(task_id), 201)

    async def listed(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        principal.require("logs:read")
        tasks = self._running()
        query = request.query_params
        tab, limit, offset = TAB.of(query), LIMIT.of(query), OFFSET.of(query)
        may_read = (lambda task_id: principal.allows("logs:read", task_id=task_id)) if principal.is_limited else None
        page = await tasks.page(tab, limit, offset, may_read=may_read)
        listed = [_listed(task) for task in page.tasks]
        return answer(AutomationTaskList(listed, AutomationCounts(**page.counts), page.total))

    async def read(self, request: Request) -> Response:
        task_id = await self._named(request, TASK_PATH, "logs:read")
        detail = await self._running().detail(task_id)
        if detail is None:
            raise _unknown()
        return answer(_task(detail))

    async def retry(self, request: Request) -> Response:
        task_id = await self._named(request, RETRY_PATH, "logs:write")
        tasks = self._running()
        found = await tasks.retry(task_id)
        if found is None:
            if await tasks.detail(task_id) is None:
                raise _unknown()
            message = (
                "taskId: this task is under way, or its last stage has not failed, so there is nothing to try again"
            )
            raise ApiError("INVALID_ARGUMENT", message, field="taskId")
        return answer(AutomationTaskRetried(*found))

    async def delete(self, request: Request) -> Response:
        task_id = await self._named(request, TASK_PATH, "logs:write")
        if not await self._running().delete(task_id):
            raise _unknown()
        return answer(AutomationDone())

    async def stop(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        principal.require("logs:write")
        wanted: StopRequest = await self._body_of(request, StopRequest)
        checked_identifier("taskId", wanted.task_id)
        principal.require("logs:write", task_id=wanted.task_id)
        report = await self._running().stop(wanted.task_id)
        if report is None:
            raise _unknown()
        return answer(report)


def automation_routes(queue: "AutomationQueue | None", authenticator: Authenticator) -> list[DescribedRoute]:
    """The routes below ``/api/automation`` without ``logs``.

    A token that names tasks covers those tasks of the queue that it names. ``queue`` is None if the queue is off:
    then everything that is allowed is answered with 404 and says so.
    """
    handlers = _Handlers(queue, authenticator)
    return [
        DescribedRoute(TASKS_PATH, _explained(handlers.create), CREATE_AUTOMATION_TASK),
        DescribedRoute(TASKS_PATH, _explained(handlers.listed), LIST_AUTOMATION_TASKS),
        DescribedRoute(RETRY_PATH, _explained(handlers.retry), RETRY_AUTOMATION_TASK),
        _TaskRoute(TASK_PATH, _explained(handlers.read), READ_AUTOMATION_TASK),
        _TaskRoute(TASK_PATH, _explained(handlers.delete), DELETE_AUTOMATION_TASK),
        DescribedRoute(STOP_PATH, _explained(handlers.stop), STOP_AUTOMATION_TASK),
    ]


def _explained(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Names the table and the column if one of them is why the database cannot be used."""

    async def run(request: Request) -> Response:
        try:
            return await handler(request)
        except RecordRefusedError:
            raise
        except StorageError as error:
            text = f"the database of the automation queue {error.reason}; try again"
            raise ApiError("UNAVAILABLE", text, retry_after_seconds=_RETRY_AFTER_SECONDS) from error

    return run


def _listed(listed: "ListedTask") -> ListedAutomationTask:
    return ListedAutomationTask(
        **text_times(listed.task),
        queue=_optional(QueueRow, listed.queue),
        schedule=_optional(ScheduleRow, listed.schedule),
    )


def _task(detail: "TaskDetail") -> AutomationTask:
    return AutomationTask(
        TaskRow(**text_times(detail.task)),
        _optional(ScheduleRow, detail.schedule),
        [QueueRow(**text_times(row)) for row in detail.queue],
        _optional(ContentRow, detail.content),
        AutomationProgress(detail.percent, [_stage(stage) for stage in detail.stages]),
    )


def _optional(kind: type[T], row: dict[str, Any] | None) -> T | None:
    return None if row is None else kind(**text_times(row))


def _stage(stage: "StageOverview") -> AutomationStage:
    started_at, ended_at = (
        None if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in (stage.started_at, stage.ended_at)
    )
    return AutomationStage(stage.name, stage.status, started_at, ended_at, stage.message, stage.progress, stage.total)


def _title(text: str) -> str:
    title = text.strip()
    if not 1 <= len(title) <= _TITLE_LENGTH_MAX or not title.isprintable():
        message = f"title must have 1 to {_TITLE_LENGTH_MAX} printable characters"
        raise ApiError("INVALID_ARGUMENT", message, field="title")
    return title


def _fields(wanted: AutomationTaskRequest) -> dict[str, Any]:
    """What the repository takes beside title and type."""
    settings = wanted.settings or {}
    if settings.get("mediaMode", "upload") not in MEDIA_MODES:
        message = f"settings.mediaMode must be one of {', '.join(MEDIA_MODES)}"
        raise ApiError("INVALID_ARGUMENT", message, field="settings.mediaMode")
    fields: dict[str, Any] = {"settings": settings, "user_id": wanted.user_id}
    if wanted.product_info is not None:
        fields["product_info"] = msgspec.json.encode(wanted.product_info).decode()
    if wanted.schedule is not None:
        fields["schedule"] = row = _schedule(wanted.schedule)
        fields["due_at"] = row["scheduled_time"]
    return fields


def _schedule(wanted: ScheduleRequest) -> dict[str, Any]:
    """A row of ``task_schedules``."""
    from components.automation.schedules import (  # here: a gateway without the queue loads nothing of it
        time_zone,
        utc_of,
    )

    config = dict(wanted.repeat_config or {})
    name = wanted.timezone if wanted.timezone is not None else config.get("timezone", "UTC")
    field = "schedule.timezone"
    try:
        if not isinstance(name, str):
            raise ValueError("it is no text")  # noqa: TRY004, TRY301 - reported with the other mistakes of this field
        zone = time_zone(name)
        times = {}
        for column in ("scheduled_time", "youtube_publish_time"):
            field = f"schedule.{column}"
            text = getattr(wanted, column)
            times[column] = None if text is None else utc_of(text, zone)
    except ValueError as error:
        raise ApiError("INVALID_ARGUMENT", f"{field}: {error}", field=field) from error
    return {
        **times,
        "repeat_type": wanted.repeat_type,
        "repeat_config": msgspec.json.encode(config | {"timezone": name}).decode(),
        "youtube_privacy": wanted.youtube_privacy,
        "channel_setting_id": wanted.channel_setting_id,
    }


def _unknown() -> ApiError:
    return ApiError("NOT_FOUND", "there is no such task in the automation queue")
