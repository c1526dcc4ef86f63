"""The old web UI's way of asking, written from the contracts alone: it polls, and stops at what it knows."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2


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
