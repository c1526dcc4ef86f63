"""A web UI that polls the rows of a task and continues after the last one that it has seen."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx2

__all__ = ["Poller"]

POLL_SECONDS = 0.25
ANSWER_SECONDS_MAX = 5.0


@dataclass
class Poller:
    """Asks ``GET /api/automation/logs`` by ``afterId``.

    Attributes:
        rows: what it was given, in the order of arrival.
        failures: requests that were not answered, or not with 200.
        broken: answers that no gateway in whatever trouble should give.
    """

    url: str
    task_id: str
    rows: list[tuple[int, str]] = field(default_factory=list)
    failures: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def last_id(self) -> int:
        return self.rows[-1][0] if self.rows else 0

    async def run(self) -> None:
        """Poll until cancelled."""
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client:
            while True:
                if not await self.poll(client):
                    await asyncio.sleep(POLL_SECONDS)

    async def poll(self, client: httpx2.AsyncClient) -> int:
        """Ask once; the number of new rows."""
        parameters: dict[str, Any] = {"jobId": self.task_id, "afterId": self.last_id, "limit": 5_000}
        try:
            answer = await client.get(f"{self.url}/api/automation/logs", params=parameters)
        except httpx2.TransportError:
            self.failures += 1
            return 0
        if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
            self.failures += 1
            return 0
        if answer.status_code != httpx2.codes.OK:
            self.broken.append(f"{answer.status_code} {answer.text[:200]}")
            return 0
        found = [(row["id"], row["log_message"]) for row in answer.json()["logs"]]
        self.rows += found
        return len(found)
