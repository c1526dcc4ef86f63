from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.mcp.routes import mcp_routes
from gateway.auth.patterns import NamePatterns
from gateway.auth.principal import LOGS_READ, Principal
from gateway.history.stored_logs import StoredLogs
from gateway.http.application import http_application
from storage.journal.sqlite import SqliteJournal
from tests.support.http_server import serve
from tests.support.journal_items import batch


class Reader:
    """The asking principal may read some tasks."""

    principal = Principal(subject="agent", scopes=frozenset({LOGS_READ}))

    def cover(self, *patterns: str) -> None:
        self.principal = Principal(subject="agent", scopes=frozenset({LOGS_READ}), tasks=NamePatterns(patterns))

    async def principal_of(self, connection: Any) -> Principal:
        return self.principal


@dataclass
class Agent:
    """A journal, and a client of its MCP endpoint."""

    journal: SqliteJournal
    http: httpx2.AsyncClient
    reader: Reader

    async def write(self, task: str, *messages: str, **fields: Any) -> None:
        await self.journal.append(batch(*messages, task=task, **fields))

    async def post(self, method: str, params: Any = None, **headers: str) -> httpx2.Response:
        message = {"jsonrpc": "2.0", "id": 1, "method": method} | ({"params": params} if params is not None else {})
        return await self.http.post("/mcp", json=message, headers=headers)

    async def call(self, tool: str, *, is_error: bool = False, **arguments: Any) -> str:
        """The text that a tool answers with."""
        result = (await self.post("tools/call", {"name": tool, "arguments": arguments})).json()["result"]
        assert result["isError"] == is_error, result
        (content,) = result["content"]
        assert len(content["text"]) <= arguments.get("characters", 4000)
        return str(content["text"])

    async def pages(self, tool: str, **arguments: Any) -> list[str]:
        """The rows of all answers, by their cursors."""
        rows: list[str] = []
        cursor = ""
        for _ in range(100):
            *page, last = (await self.call(tool, cursor=cursor, **arguments)).split("\n")
            rows += page
            if not last.startswith("[more: cursor "):
                return [*rows, last]
            cursor = last.removeprefix("[more: cursor ").removesuffix("]")
        raise AssertionError(rows)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    from components.mcp.endpoint import McpEndpoint  # 1.4 s of CPU in each process that collects

    journal = await SqliteJournal.open(tmp_path / "otto.db", durability="process")
    reader = Reader()
    endpoint = McpEndpoint(StoredLogs(journal), body_bytes_max=65_536)
    await endpoint.start()
    app = http_application([*mcp_routes(endpoint, reader)])
    headers = {"Accept": "application/json, text/event-stream", "Accept-Encoding": "identity"}
    async with serve(app) as url, httpx2.AsyncClient(base_url=url, headers=headers) as http:
        yield Agent(journal, http, reader)
    await endpoint.close()
    await journal.close()
