"""The automation API as a page sees it, with answers of the test's own; ``calls`` is what the page changed."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, Route

__all__ = ["ScriptedAutomation"]

COUNTS = {"scheduled": 1, "script": 0, "image": 0, "video": 1, "youtube": 0, "failed": 2, "completed": 14}
TIME = "2026-01-31 04:00:00"


def queue(number: int, kind: str, status: str, **more: Any) -> dict[str, Any]:
    row = {"id": number, "queue_type": kind, "status": status, "retry_count": 0, "max_retry": 3, "error_message": None}
    return row | {"created_at": TIME, "updated_at": TIME} | more


@dataclass
class ScriptedAutomation:
    """One task of the video stage, ``title`` its name; ``refusal`` is the answer to whatever changes something."""

    title: str = "Ten minutes of bread"
    error: str | None = None
    refusal: str | None = None
    stages: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {
                "name": "script",
                "status": "COMPLETED",
                "startedAt": "2026-01-31T04:00:00Z",
                "endedAt": "2026-01-31T04:00:42Z",
            },
            {"name": "image", "status": "SKIPPED"},
            {
                "name": "video",
                "status": "RUNNING",
                "progress": 3,
                "total": 8,
                "startedAt": "2026-01-31T04:00:43Z",
                "message": "scene 3",
            },
            {"name": "youtube", "status": "PENDING"},
        ]
    )
    queue: list[dict[str, Any]] = field(
        default_factory=lambda: [queue(1, "script", "completed"), queue(2, "video", "processing", retry_count=1)]
    )
    logs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)

    async def answer_on(self, page: Page) -> None:
        """Answer the page instead of the gateway."""
        await page.route("**/api/automation/**", self._answer)

    async def _answer(self, route: Route) -> None:
        request = route.request
        url = urlsplit(request.url)
        path = url.path.removeprefix("/api/automation/")
        if request.method != "GET":
            self.calls.append((request.method, path, json.loads(request.post_data) if request.post_data else None))
            if self.refusal is not None:
                error = {"code": "INVALID_ARGUMENT", "message": self.refusal}
                await route.fulfill(status=400, json={"error": error})
            elif path == "stop":
                self.queue[-1] |= {"status": "failed"}
                body = {
                    "success": True,
                    "stoppedProcessing": 1,
                    "deletedWaiting": 2,
                    "killedProcesses": ["ffmpeg", "chrome"],
                }
                await route.fulfill(json=body)
            elif path.endswith("/retry"):
                await route.fulfill(json={"success": True, "queueType": "video", "queueId": 3})
            else:
                await route.fulfill(status=201, json={"success": True, "taskId": "task-1"})
        elif path == "tasks":
            tab = parse_qs(url.query).get("tab", ["all"])[0]
            tasks = [self._task() | {"queue": self.queue[-1], "schedule": None}] if tab == "video" else []
            await route.fulfill(json={"tasks": tasks, "counts": COUNTS, "total": len(tasks)})
        elif path == "logs":
            wanted = {name: values[0] for name, values in parse_qs(url.query).items()}
            columns = {"level": "level", "queueType": "queue_type", "actionType": "action_type"}
            shown = [
                row
                for row in self.logs
                if all(row[columns[name]] == wanted[name] for name in columns if name in wanted)
            ]
            await route.fulfill(json={"logs": shown})
        elif path == "tasks/task-1":
            schedule = {"repeat_type": "monthly", "scheduled_time": TIME, "next_run_at": TIME, "is_active": 1}
            progress = {"percent": 58, "stages": self.stages}
            detail = {
                "task": self._task(),
                "schedule": schedule,
                "queue": self.queue,
                "content": None,
                "progress": progress,
            }
            await route.fulfill(json=detail)
        else:
            await route.fulfill(status=404, json={"error": {"code": "NOT_FOUND", "message": "no such task"}})

    def _task(self) -> dict[str, Any]:
        row = {"id": "task-1", "title": self.title, "type": "shortform", "last_error": self.error}
        return row | {"settings": '{"mediaMode":"upload"}', "created_at": TIME, "updated_at": TIME}
