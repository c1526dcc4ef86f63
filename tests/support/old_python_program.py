"""The older systems' clients in Python: ``python -m … URL DATABASE``; ends with an error at the first difference.

It knows nothing of the gateway: ``sqlite3``, ``httpx`` and ``httpx-sse``, and what the older systems promised.
"""

import json
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import httpx_sse

__all__: list[str] = []

SECONDS_MAX = 300
NODE_EXECUTION = "/api/logs/node-execution"


class OldPrograms:
    """One method per system."""

    def __init__(self, url: str, database: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=SECONDS_MAX)
        self.database = sqlite3.connect(database, timeout=30, isolation_level=None)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.execute(statement, values).fetchall()

    def get(self, path: str, **parameters: str) -> Any:
        return self.http.get(path, params=parameters).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        answer = self.http.post(path, json=body).raise_for_status().json()
        assert answer["success"] is True
        return answer

    def automation(self) -> None:
        """A scheduler's own statements: a schedule with SQLite's time, and a dequeue beside the gateway's."""
        task = str(uuid.uuid4())
        self.rows("INSERT INTO tasks (id, title, type) VALUES (?, '산책', 'longform')", task)
        self.rows(
            "INSERT INTO task_schedules (task_id, scheduled_time, repeat_type)"
            " VALUES (?, datetime('now', '-1 minute'), 'daily')",
            task,
        )
        until(lambda: ("youtube", "completed") in self.stages(task), "the task is through")
        done = [queue for queue, status in self.stages(task) if status == "completed"]
        assert done == ["schedule", "script", "video", "youtube"], done
        assert self.rows("SELECT is_active FROM task_schedules WHERE task_id = ?", task) == [(1,)]
        messages = [row["message"] for row in self.get("/api/automation/logs", taskId=task)["logs"]]
        assert "script 완료 → video 대기" in messages

    def stages(self, task: str) -> list[tuple[Any, ...]]:
        return self.rows("SELECT queue_type, status FROM task_queue WHERE task_id = ? ORDER BY id", task)

    def executions(self) -> None:
        """A node wrapper's reports, whose beginning and end took the time on their own, as numbers."""
        run = str(uuid.uuid4())
        report = {"execution_id": run, "node_id": "a", "node_type": "condition", "parameters": {}}
        began = time.time() * 1000
        self.post(NODE_EXECUTION, **report, status="running", started_at=began)
        error = {"result": {"error": "x"}, "error_message": "x", "error_traceback": "Traceback"}
        self.post(NODE_EXECUTION, **report, status="failed", started_at=began + 1, finished_at=began + 5, **error)
        (row,) = self.get(NODE_EXECUTION, execution_id=run)["logs"]
        assert (row["status"], row["result"], row["error_traceback"]) == ("failed", {"error": "x"}, "Traceback")
        (totals,) = self.rows("SELECT total, completed, failed FROM log_stats")
        shown = self.get("/api/logs/stats")
        assert totals == (shown["total"], shown["completed"], shown["failed"])

    def batch(self) -> str:
        """A job, polled to its end."""
        job = str(self.post("/api/documents/batch", keywords=["갤럭시"])["jobId"])
        until(lambda: self.get("/api/documents/status", jobId=job)["job"]["status"] == "completed", "the job is done")
        return job

    def live(self, job: str) -> None:
        """The job's lines as events, and the rows that a program wrote itself, polled."""
        stream = f"/api/v1/log-streaming/logs/{job}/stream"
        with httpx_sse.connect_sse(self.http, "GET", stream) as source:
            events = list(source.iter_sse())
        assert all(event.data for event in events)
        assert events[-1].event == "complete"
        messages = [json.loads(event.data)["message"] for event in events if event.event == "message"]
        assert messages[0] == f"[배치] 작업 생성: {job}, 키워드 1개"
        again = self.http.get(stream, headers={"Last-Event-ID": events[-1].id})
        assert again.status_code == 204
        own = f"job_{uuid.uuid4()}"
        self.rows(
            "INSERT INTO job_logs (job_id, log_message, created_at) VALUES (?, '🎉 작업 완료', datetime('now'))", own
        )
        assert [row["log_message"] for row in self.get("/api/automation/logs", jobId=own)["logs"]] == ["🎉 작업 완료"]


def until(condition: Callable[[], bool], what: str) -> None:
    """Ask ten times a second."""
    for _ in range(SECONDS_MAX * 10):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {SECONDS_MAX} s: {what}")


if __name__ == "__main__":
    programs = OldPrograms(*sys.argv[1:])
    programs.automation()
    programs.executions()
    programs.live(programs.batch())
