"""What is said of automation tasks over HTTP; rows are those of the tables, under their columns' names."""

from typing import Annotated, Any, Literal

import msgspec

from gateway.routing.parameters import IdentifierText

__all__ = [
    "EXAMPLE_ID",
    "AutomationCounts",
    "AutomationDone",
    "AutomationProgress",
    "AutomationStage",
    "AutomationTask",
    "AutomationTaskCreated",
    "AutomationTaskList",
    "AutomationTaskRequest",
    "AutomationTaskRetried",
    "AutomationTaskStopped",
    "ContentRow",
    "ListedAutomationTask",
    "QueueRow",
    "ScheduleRequest",
    "ScheduleRow",
    "StopRequest",
    "TaskRow",
]

EXAMPLE_ID = "3f1c9a52-7f0e-4f6e-9a51-0d6d6f6c2b11"
_TIME = msgspec.Meta(description="RFC 3339; without an offset it is local in `timezone`.")
_UTC = msgspec.Meta(description="`YYYY-MM-DD HH:MM:SS` in UTC.")
_DATE_TIME = msgspec.Meta(extra_json_schema={"format": "date-time"})
_JSON = msgspec.Meta(description="A JSON document as text.")
Time = Annotated[str, _UTC]
TaskId = Annotated[str, msgspec.Meta(examples=[EXAMPLE_ID])]
QueueType = Annotated[str, msgspec.Meta(examples=["script"])]
Name = Annotated[str, msgspec.Meta(max_length=256)]


class ScheduleRequest(msgspec.Struct, forbid_unknown_fields=True):
    """When a task runs."""

    scheduled_time: Annotated[str | None, _TIME] = None
    repeat_type: Literal["once", "daily", "weekly", "monthly"] = "once"
    repeat_config: dict[str, Any] | None = None
    timezone: Name | None = None
    youtube_privacy: Literal["public", "unlisted", "private"] = "public"
    youtube_publish_time: Annotated[str | None, _TIME] = None
    channel_setting_id: Name | None = None


class AutomationTaskRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A task, with when it runs; without a schedule at once."""

    title: Annotated[
        str,
        msgspec.Meta(
            description="1 to 300 printable characters.",
            extra_json_schema={"minLength": 1, "maxLength": 300, "pattern": r"\S"},
        ),
    ]
    type: Literal["shortform", "longform", "product"]
    user_id: Name | None = None
    product_info: dict[str, Any] | None = None
    settings: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="`mediaMode` is `crawl`, `upload`, `dalle3`, `imagen3` or `sora2`; the rest is free."),
    ] = None
    schedule: ScheduleRequest | None = None


class AutomationTaskCreated(msgspec.Struct, rename="camel"):
    """The task was taken."""

    task_id: TaskId
    success: bool = True


class StopRequest(msgspec.Struct, rename="camel"):
    """The task to stop."""

    task_id: Annotated[IdentifierText, msgspec.Meta(examples=[EXAMPLE_ID])]


class AutomationTaskStopped(msgspec.Struct, rename="camel"):
    """What a stop has ended."""

    success: bool
    stopped_processing: Annotated[int, msgspec.Meta(description="Items that were running.")]
    deleted_waiting: Annotated[int, msgspec.Meta(description="Items that waited.")]
    killed_processes: Annotated[list[str], msgspec.Meta(description="Names of the stages' processes that were ended.")]


class AutomationTaskRetried(msgspec.Struct, rename="camel"):
    """The failed stage waits anew."""

    queue_type: QueueType
    queue_id: int
    success: bool = True


class AutomationDone(msgspec.Struct):
    """It is done."""

    success: bool = True


class TaskRow(msgspec.Struct, kw_only=True):
    """A row of `tasks`."""

    id: TaskId
    title: Annotated[str, msgspec.Meta(examples=["A walk"])]
    type: Annotated[str, msgspec.Meta(examples=["shortform"])]
    user_id: str | None
    product_info: Annotated[str | None, _JSON]
    settings: Annotated[str | None, _JSON]
    youtube_url: str | None
    last_error: str | None
    content_id: str | None
    script_path: str | None
    video_path: str | None
    thumbnail_path: str | None
    created_at: Time | None
    updated_at: Time | None


class QueueRow(msgspec.Struct, kw_only=True):
    """A row of `task_queue`: one stage that waits, runs, or has ended."""

    id: int
    task_id: TaskId
    schedule_id: int | None
    queue_type: QueueType
    status: Annotated[str, msgspec.Meta(examples=["processing"])]
    retry_count: int | None
    max_retry: int | None
    next_retry_at: Time | None
    error_message: str | None
    created_at: Time | None
    updated_at: Time | None
    completed_at: Time | None


class ScheduleRow(msgspec.Struct, kw_only=True):
    """A row of `task_schedules`."""

    id: int
    task_id: TaskId
    scheduled_time: Time | None
    repeat_type: str | None
    repeat_config: Annotated[str | None, _JSON]
    next_run_at: Time | None
    is_active: int | None
    channel_setting_id: str | None
    youtube_privacy: str | None
    youtube_publish_time: Time | None
    created_at: Time | None


class ContentRow(msgspec.Struct, kw_only=True):
    """A row of `contents`: what a task has made."""

    id: str
    user_id: str | None
    type: str | None
    format: str | None
    title: str | None
    content: str | None
    status: str | None
    progress: int | None
    task_id: str | None
    video_path: str | None
    thumbnail_path: str | None
    published: int | None
    youtube_url: str | None
    error: str | None
    created_at: Time | None
    updated_at: Time | None


class ListedAutomationTask(TaskRow, kw_only=True):
    """A row of `tasks` with its newest item and its schedule."""

    queue: QueueRow | None
    schedule: ScheduleRow | None


class AutomationCounts(msgspec.Struct):
    """Tasks by tab; one may be in several."""

    scheduled: int
    script: int
    image: int
    video: int
    youtube: int
    failed: int
    completed: int


class AutomationTaskList(msgspec.Struct):
    """The newest tasks."""

    tasks: list[ListedAutomationTask]
    counts: AutomationCounts
    total: Annotated[int, msgspec.Meta(description="Tasks of the tab, over all pages.")]


class AutomationStage(msgspec.Struct, rename="camel", omit_defaults=True):
    """A stage of the run that began last."""

    name: QueueType
    status: Annotated[
        str, msgspec.Meta(extra_json_schema={"enum": ["PENDING", "RUNNING", "COMPLETED", "FAILED", "SKIPPED"]})
    ]
    started_at: Annotated[str | None, _DATE_TIME] = None
    ended_at: Annotated[str | None, _DATE_TIME] = None
    message: str | None = None
    progress: float | None = None
    total: float | None = None


class AutomationProgress(msgspec.Struct):
    """How far a task is."""

    percent: int
    stages: list[AutomationStage]


class AutomationTask(msgspec.Struct):
    """A task with all that is of it."""

    task: TaskRow
    schedule: ScheduleRow | None
    queue: Annotated[list[QueueRow], msgspec.Meta(description="All its items, oldest first.")]
    content: ContentRow | None
    progress: AutomationProgress
