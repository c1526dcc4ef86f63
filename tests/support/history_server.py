"""The history's routes over a real journal, on a real port."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from starlette.requests import HTTPConnection

from gateway.errors import ApiError
from gateway.history.limits import HistoryLimits
from gateway.history.routes import history_routes
from gateway.history.stored_logs import StoredLogs
from gateway.http.application import http_application
from storage.journal.interface import LineBatch
from storage.journal.sqlite import SqliteJournal
from tests.support.http_server import serve
from tests.support.journal_items import batch

BASE = "/api/v1/log-streaming"


class Everyone:
    """No credentials are configured; or, with ``only``, a token for one task."""

    subject = "tester"

    def __init__(self, only: str | None = None) -> None:
        self.only = only

    @property
    def is_limited(self) -> bool:
        return self.only is not None

    async def principal_of(self, connection: HTTPConnection) -> "Everyone":
        return self

    def allows(self, scope: str, *, task_id: str | None = None) -> bool:
        return scope == "logs:read" and (task_id is None or self.only in (None, task_id))

    def require(self, scope: str, *, task_id: str | None = None) -> None:
        if not self.allows(scope, task_id=task_id):
            raise ApiError("PERMISSION_DENIED", f"the token is not for task {task_id!r}")


@dataclass
class History:
    """A journal, and a client of its history."""

    journal: SqliteJournal
    http: httpx2.AsyncClient
    everyone: Everyone

    async def write(self, *messages: str, task: str = "build", size: int = 100, **fields: Any) -> None:
        """Store lines, ``size`` to a chunk."""
        for start in range(0, len(messages), size):
            await self.journal.append(batch(*messages[start : start + size], task=task, **fields))

    def batch(self, message: str, **fields: Any) -> LineBatch:
        """One line, to be stored."""
        return batch(message, **fields)

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.http.get(BASE + path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def page(self, task: str = "build", **params: Any) -> Any:
        return await self.get(f"/logs/{task}", **params)


@asynccontextmanager
async def history_of(path: Path, limits: HistoryLimits | None = None) -> AsyncIterator[History]:
    journal = await SqliteJournal.open(path, durability="process")
    everyone = Everyone()
    app = http_application(history_routes(StoredLogs(journal, limits), everyone))
    async with serve(app) as url, httpx2.AsyncClient(base_url=url, headers={"Accept-Encoding": "identity"}) as http:
        yield History(journal, http, everyone)
    await journal.close()


def messages(entries: Sequence[dict[str, Any]]) -> list[str]:
    return [each["message"] for each in entries]
