"""What OpenAPI says of the automation queue."""

from typing import Any, Final

from components.automation.messages import (
    AutomationDone,
    AutomationTask,
    AutomationTaskCreated,
    AutomationTaskList,
    AutomationTaskRequest,
    AutomationTaskRetried,
    AutomationTaskStopped,
    StopRequest,
)
from gateway.routing.operation import Answer, Body, Operation, Parameter, identifier_parameter

__all__ = [
    "CREATE_AUTOMATION_TASK",
    "DELETE_AUTOMATION_TASK",
    "LIST_AUTOMATION_TASKS",
    "READ_AUTOMATION_TASK",
    "RETRY_AUTOMATION_TASK",
    "STOP_AUTOMATION_TASK",
]

_TAG: Final = "Automation"
_ID: Final = "3f1c9a52-7f0e-4f6e-9a51-0d6d6f6c2b11"
_OFF: Final = "404 where `AUTOMATION_ENABLED` is not set."
_AT: Final = "2026-01-31 13:45:00"
_TASK: Final[dict[str, Any]] = {
    "id": _ID,
    "title": "A walk",
    "type": "shortform",
    "user_id": None,
    "product_info": None,
    "settings": '{"mediaMode":"crawl"}',
    "youtube_url": None,
    "last_error": None,
    "content_id": None,
    "script_path": None,
    "video_path": None,
    "thumbnail_path": None,
    "created_at": _AT,
    "updated_at": _AT,
}
_QUEUE: Final[dict[str, Any]] = {
    "id": 2,
    "task_id": _ID,
    "schedule_id": 1,
    "queue_type": "script",
    "status": "processing",
    "retry_count": 0,
    "max_retry": 3,
    "next_retry_at": None,
    "error_message": None,
    "created_at": _AT,
    "updated_at": _AT,
    "completed_at": None,
}
_SCHEDULE: Final[dict[str, Any]] = {
    "id": 1,
    "task_id": _ID,
    "scheduled_time": None,
    "repeat_type": "once",
    "repeat_config": None,
    "next_run_at": None,
    "is_active": 0,
    "channel_setting_id": None,
    "youtube_privacy": "public",
    "youtube_publish_time": None,
    "created_at": _AT,
}
_COUNTS: Final = {"scheduled": 0, "script": 1, "image": 0, "video": 0, "youtube": 0, "failed": 0, "completed": 0}
_ID_IN_PATH: Final = identifier_parameter("taskId", place="path", description="The task.", example=_ID)

CREATE_AUTOMATION_TASK: Final = Operation(
    id="createAutomationTask",
    method="POST",
    tag=_TAG,
    summary="Add a task to the queue",
    description="It passes through its stages from its time on, or at once. Its lines are in the stream of its id, and "
    f"its stages are the pipeline of the same id. {_OFF}",
    scope="logs:write",
    body=Body(
        type=AutomationTaskRequest,
        examples={
            "at once": {"title": "A walk", "type": "shortform", "settings": {"mediaMode": "crawl"}},
            "every month": {
                "title": "A walk",
                "type": "longform",
                "schedule": {
                    "scheduled_time": "2027-01-31T09:00:00",
                    "repeat_type": "monthly",
                    "timezone": "Asia/Seoul",
                    "youtube_privacy": "private",
                },
            },
        },
    ),
    answers={
        201: Answer(
            description="It was taken.",
            type=AutomationTaskCreated,
            examples={"taken": {"taskId": _ID, "success": True}},
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)

LIST_AUTOMATION_TASKS: Final = Operation(
    id="listAutomationTasks",
    method="GET",
    tag=_TAG,
    summary="The tasks of a tab, and the counts of all tabs",
    description="The newest first. The tabs of queues have the tasks with an item of theirs that waits or runs; "
    "`failed` those with a failed item that was not tried again since; `completed` those that were published. Only "
    f"tasks that the token covers are shown and counted. {_OFF}",
    scope="logs:read",
    parameters=(
        Parameter(
            name="tab",
            description="Without it every task.",
            schema={
                "type": "string",
                "enum": ["scheduled", "script", "image", "video", "youtube", "failed", "completed"],
            },
            examples={"waiting for their time": "scheduled", "done": "completed"},
        ),
        Parameter(
            name="limit",
            description="Tasks of one page; 50 without it.",
            schema={"type": "integer", "minimum": 1, "maximum": 500},
            examples={"page": 20},
        ),
        Parameter(
            name="offset",
            description="Tasks before the page.",
            schema={"type": "integer", "minimum": 0, "maximum": 10**9},
            examples={"second page": 20},
        ),
    ),
    answers={
        200: Answer(
            description="The tasks.",
            type=AutomationTaskList,
            examples={
                "one": {
                    "tasks": [{**_TASK, "queue": _QUEUE, "schedule": _SCHEDULE}],
                    "counts": _COUNTS,
                    "total": 1,
                }
            },
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)

READ_AUTOMATION_TASK: Final = Operation(
    id="readAutomationTask",
    method="GET",
    tag=_TAG,
    summary="One task: its schedule, its items, its content, and how far it is",
    description=_OFF,
    scope="logs:read",
    parameters=(_ID_IN_PATH,),
    answers={
        200: Answer(
            description="The task.",
            type=AutomationTask,
            examples={
                "under way": {
                    "task": _TASK,
                    "schedule": _SCHEDULE,
                    "queue": [_QUEUE],
                    "content": None,
                    "progress": {
                        "percent": 30,
                        "stages": [
                            {"name": "schedule", "status": "COMPLETED"},
                            {
                                "name": "script",
                                "status": "RUNNING",
                                "progress": 3.0,
                                "total": 6.0,
                                "startedAt": "2026-01-31T13:45:00Z",
                            },
                            {"name": "image", "status": "PENDING"},
                            {"name": "video", "status": "PENDING"},
                            {"name": "youtube", "status": "PENDING"},
                        ],
                    },
                }
            },
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)

RETRY_AUTOMATION_TASK: Final = Operation(
    id="retryAutomationTask",
    method="POST",
    tag=_TAG,
    summary="Try the failed stage of a task again",
    description=f"The one that failed, or that a stop took out of the queue before it began. It begins once nothing of "
    f"the failed try runs any more. 400 where the task is under way, or its last stage has not failed. {_OFF}",
    scope="logs:write",
    parameters=(_ID_IN_PATH,),
    answers={
        200: Answer(
            description="It waits for its turn.",
            type=AutomationTaskRetried,
            examples={"script": {"queueType": "script", "queueId": 6, "success": True}},
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)

STOP_AUTOMATION_TASK: Final = Operation(
    id="stopAutomationTask",
    method="POST",
    tag=_TAG,
    summary="Stop a task",
    description="What waits is deleted, what runs has failed and its processes are ended: SIGTERM, and SIGKILL after "
    f"5 s. Schedules are switched off. {_OFF}",
    scope="logs:write",
    body=Body(type=StopRequest, examples={"one": {"taskId": _ID}}),
    answers={
        200: Answer(
            description="It has stopped.",
            type=AutomationTaskStopped,
            examples={
                "running": {
                    "success": True,
                    "stoppedProcessing": 1,
                    "deletedWaiting": 0,
                    "killedProcesses": ["ffmpeg"],
                },
            },
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)

DELETE_AUTOMATION_TASK: Final = Operation(
    id="deleteAutomationTask",
    method="DELETE",
    tag=_TAG,
    summary="Remove a task",
    description="It is stopped first. What it has made and the lines of its stream stay; rows of `task_logs` do not. "
    + _OFF,
    scope="logs:write",
    parameters=(_ID_IN_PATH,),
    answers={200: Answer(description="It is gone.", type=AutomationDone, examples={"gone": {"success": True}})},
    errors=("NOT_FOUND",),
    stored=True,
)
