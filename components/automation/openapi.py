"""What OpenAPI says of the automation queue."""

from typing import Final

from components.automation.messages import (
    EXAMPLE_ID,
    AutomationDone,
    AutomationTask,
    AutomationTaskCreated,
    AutomationTaskList,
    AutomationTaskRequest,
    AutomationTaskRetried,
    AutomationTaskStopped,
    StopRequest,
)
from gateway.routing.operation import Body, Operation, Tag
from gateway.routing.parameters import Choice, Identifier, Number

__all__ = [
    "CREATE_AUTOMATION_TASK",
    "DELETE_AUTOMATION_TASK",
    "LIMIT",
    "LIST_AUTOMATION_TASKS",
    "OFFSET",
    "READ_AUTOMATION_TASK",
    "RETRY_AUTOMATION_TASK",
    "STOP_AUTOMATION_TASK",
    "TAB",
]

_TAG: Final = Tag("Automation", "The automation queue: tasks that pass through stages.")
_OFF: Final = "404 where `AUTOMATION_ENABLED` is not set."
_ID_IN_PATH: Final = Identifier("taskId", "The task.", examples=(EXAMPLE_ID,))
TAB: Final = Choice(
    "tab",
    "Without it every task.",
    choices=("scheduled", "script", "image", "video", "youtube", "failed", "completed"),
    examples=("scheduled", "completed"),
)
LIMIT: Final = Number("limit", "Tasks of one page; 50 without it.", minimum=1, maximum=500, default=50, examples=(20,))
OFFSET: Final = Number("offset", "Tasks before the page.", maximum=10**9, examples=(20,))

CREATE_AUTOMATION_TASK: Final = Operation(
    "createAutomationTask",
    "POST",
    _TAG,
    "Add a task to the queue",
    description="It passes through its stages from its time on, or at once. Its lines are in the stream of its id, and "
    f"its stages are the pipeline of the same id. {_OFF}",
    scope="logs:write",
    body=Body(
        AutomationTaskRequest,
        {
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
    answers={201: AutomationTaskCreated},
    errors=("NOT_FOUND",),
    stored=True,
)
LIST_AUTOMATION_TASKS: Final = Operation(
    "listAutomationTasks",
    "GET",
    _TAG,
    "The tasks of a tab, and the counts of all tabs",
    description="The newest first. The tabs of queues have the tasks with an item of theirs that waits or runs; "
    "`failed` those with a failed item that was not tried again since; `completed` those that were published. Only "
    f"tasks that the token covers are shown and counted. {_OFF}",
    scope="logs:read",
    parameters=(TAB, LIMIT, OFFSET),
    answers={200: AutomationTaskList},
    errors=("NOT_FOUND",),
    stored=True,
)
READ_AUTOMATION_TASK: Final = Operation(
    "readAutomationTask",
    "GET",
    _TAG,
    "One task: its schedule, its items, its content, and how far it is",
    description=_OFF,
    scope="logs:read",
    parameters=(_ID_IN_PATH,),
    answers={200: AutomationTask},
    errors=("NOT_FOUND",),
    stored=True,
)
RETRY_AUTOMATION_TASK: Final = Operation(
    "retryAutomationTask",
    "POST",
    _TAG,
    "Try the failed stage of a task again",
    description=f"The one that failed, or that a stop took out of the queue before it began. It begins once nothing of "
    f"the failed try runs any more. 400 where the task is under way, or its last stage has not failed. {_OFF}",
    scope="logs:write",
    parameters=(_ID_IN_PATH,),
    answers={200: AutomationTaskRetried},
    errors=("NOT_FOUND",),
    stored=True,
)
STOP_AUTOMATION_TASK: Final = Operation(
    "stopAutomationTask",
    "POST",
    _TAG,
    "Stop a task",
    description="What waits is deleted, what runs has failed and its processes are ended: SIGTERM, and SIGKILL after "
    f"5 s. Schedules are switched off. {_OFF}",
    scope="logs:write",
    body=Body(StopRequest, {"one": {"taskId": EXAMPLE_ID}}),
    answers={200: AutomationTaskStopped},
    errors=("NOT_FOUND",),
    stored=True,
)
DELETE_AUTOMATION_TASK: Final = Operation(
    "deleteAutomationTask",
    "DELETE",
    _TAG,
    "Remove a task",
    description="It is stopped first. What it has made and the lines of its stream stay; rows of `task_logs` do not. "
    + _OFF,
    scope="logs:write",
    parameters=(_ID_IN_PATH,),
    answers={200: AutomationDone},
    errors=("NOT_FOUND",),
    stored=True,
)
