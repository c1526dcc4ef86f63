"""A scriptable server of log streams: real HTTP, answers from a script."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.http_server import serve

__all__ = ["Answer", "SsePeer", "event", "line", "sse_peer"]


def event(kind: str, fields: object, identifier: str = "") -> bytes:
    """A named event."""
    head = f"id: {identifier}\n" if identifier else ""
    return f"{head}event: {kind}\ndata: {json.dumps(fields)}\n\n".encode()


def line(sequence: int, message: str, *, epoch: str = "0000000a", **fields: object) -> bytes:
    """A line as the gateway sends it."""
    entry = {
        "taskId": "t",
        "workerId": "w",
        "sequence": sequence,
        "timestamp": "2026-01-01T00:00:00.000000000Z",
        "level": "INFO",
        "source": "stdout",
        "message": message,
        **fields,
    }
    return f"id: {epoch}-{sequence}\ndata: {json.dumps(entry, ensure_ascii=False)}\n\n".encode()


@dataclass
class Answer:
    """One response: a stream of pieces that ends, or stays open; or an error."""

    pieces: Sequence[bytes] = ()
    status: int = 200
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    stays_open: bool = False


class SsePeer:
    """Gives its answers one after the other, the last one again and again, and remembers what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: deque[Answer] = deque()
        self.requests: list[Request] = []

    @property
    def last_event_ids(self) -> list[str | None]:
        return [request.headers.get("last-event-id") for request in self.requests]

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if answer.error:
            body = {"error": {"code": "X", "message": answer.error}}
            return JSONResponse(body, answer.status, headers=answer.headers)
        if answer.status != 200:
            return Response(status_code=answer.status, headers=answer.headers)

        async def pieces() -> AsyncIterator[bytes]:
            for piece in answer.pieces:
                yield piece
                await asyncio.sleep(0)
            if answer.stays_open:
                await asyncio.Event().wait()

        return StreamingResponse(pieces(), media_type="text/event-stream", headers=answer.headers)


@asynccontextmanager
async def sse_peer() -> AsyncIterator[SsePeer]:
    """A peer on a free port."""
    peer = SsePeer()
    paths = ("logs/{task_id:path}/stream", "search")
    routes = [Route(f"/api/v1/log-streaming/{path}", peer.answer) for path in paths]
    async with serve(Starlette(routes=routes)) as url:
        peer.url = url
        yield peer
