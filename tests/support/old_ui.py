"""The old web UI's way of asking, written from the contracts alone: it polls, and stops at what it knows."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2

from tests.support.waiting import attempts


async def poll_job(
    client: httpx2.AsyncClient, job_id: str, *, interval_seconds: float = 2.0, seconds_max: float = 600.0
) -> list[str]:
    """Ask for the job's log every 2 s, for at most 10 minutes, until its last message says that it is done."""
    async with asyncio.timeout(seconds_max):
        while True:
            answer = await client.get("/api/automation/logs", params={"jobId": job_id})
            messages = [row["log_message"] for row in answer.raise_for_status().json()["logs"]]
            if messages and "작업 완료" in messages[-1]:
                return messages
            await asyncio.sleep(interval_seconds)


async def wait_for_logs_and_dispatch(
    client: httpx2.AsyncClient,
    execution_id: str,
    dispatch: Callable[[str, dict[str, Any]], None],
    detail: dict[str, Any],
    *,
    attempts: int = 10,
    interval_seconds: float = 0.5,
) -> bool:
    """Ask up to 10 times, 500 ms apart, whether the execution's rows are saved, then raise ``logsUpdated``."""
    for _ in range(attempts):
        answer = await client.get("/api/logs/node-execution", params={"execution_id": execution_id})
        rows = answer.raise_for_status().json()["logs"]
        if rows and all(row["status"] != "running" for row in rows):
            dispatch("logsUpdated", detail)
            return True
        await asyncio.sleep(interval_seconds)
    return False


class AutomationPage:
    """The old page of the automation queue: tabs with counts, a task's log with filters, stop, retry and delete."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def add(self, title: str, **fields: Any) -> str:
        """Add a short form that starts at once, or as ``schedule`` says; its id."""
        answer = await self._client.post("/api/automation/tasks", json={"title": title, "type": "shortform", **fields})
        assert answer.status_code == 201, answer.text
        assert answer.json()["success"] is True
        return str(answer.json()["taskId"])

    async def tab(self, tab: str) -> tuple[list[str], dict[str, int]]:
        """The titles of a tab, and the counts of all."""
        answer = (await self._client.get("/api/automation/tasks", params={"tab": tab})).raise_for_status().json()
        return [task["title"] for task in answer["tasks"]], answer["counts"]

    async def task(self, task_id: str) -> dict[str, Any]:
        """Everything of one task."""
        answer = await self._client.get(f"/api/automation/tasks/{task_id}")
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def logs(self, task_id: str, **filters: str) -> list[dict[str, Any]]:
        """Rows of ``task_logs``, the newest first."""
        answer = await self._client.get("/api/automation/logs", params={"taskId": task_id, **filters})
        rows: list[dict[str, Any]] = answer.raise_for_status().json()["logs"]
        return rows

    async def stop(self, task_id: str) -> dict[str, Any]:
        """The counts of a stop."""
        answer = await self._client.post("/api/automation/stop", json={"taskId": task_id})
        counts: dict[str, Any] = answer.raise_for_status().json()
        return counts

    async def retry(self, task_id: str) -> dict[str, Any]:
        """Which stage waits anew."""
        answer = await self._client.post(f"/api/automation/tasks/{task_id}/retry")
        retried: dict[str, Any] = answer.raise_for_status().json()
        return retried

    async def delete(self, task_id: str) -> None:
        """Remove a task."""
        answer = await self._client.delete(f"/api/automation/tasks/{task_id}")
        assert answer.raise_for_status().json() == {"success": True}

    async def until(self, task_id: str, queue_type: str, status: str) -> None:
        """Ask until the task's newest item is this one."""
        async for _ in attempts(f"the task's last stage is {queue_type}, {status}"):
            last = (await self.task(task_id))["queue"][-1]
            if (last["queue_type"], last["status"]) == (queue_type, status):
                return
