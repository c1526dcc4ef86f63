"""The old web UI's way with batch jobs, written from the contract alone: hand over, then poll."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx2


async def hand_over(client: httpx2.AsyncClient, keywords: Sequence[str], **more: str) -> str:
    """The id of the job."""
    answer = await client.post("/api/documents/batch", json={"keywords": list(keywords), **more})
    document = answer.json()
    if not document.get("success"):
        raise RuntimeError(document["error"])
    return str(document["jobId"])


async def poll(
    client: httpx2.AsyncClient,
    job_id: str,
    *,
    on_progress: Callable[[int, int], None] = lambda _current, _total: None,
    interval_seconds: float = 2.0,
    seconds_max: float = 600.0,
) -> dict[str, Any]:
    """The job once it is completed or failed; a gateway that is away for a moment is asked again."""
    async with asyncio.timeout(seconds_max):
        while True:
            try:
                answer = await client.get("/api/documents/status", params={"jobId": job_id})
            except httpx2.TransportError:
                await asyncio.sleep(interval_seconds)
                continue
            job: dict[str, Any] = answer.raise_for_status().json()["job"]
            on_progress(job["progress"]["current"], job["progress"]["total"])
            if job["status"] in {"completed", "failed"}:
                return job
            await asyncio.sleep(interval_seconds)
