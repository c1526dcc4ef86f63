"""Naver's search API, as far as batch jobs use it: answers by script, and remembers what was asked."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.http_server import serve

CLIENT_ID = "an-application"
CLIENT_SECRET = "a-secret-of-naver"


def refusal(status: int, code: str, text: str = "Rate limit exceeded.", **headers: str) -> Response:
    """An error in Naver's form."""
    return JSONResponse({"errorMessage": text, "errorCode": code}, status, headers)


class NaverApi:
    """What it answers next, and what it was asked.

    Attributes:
        url: where it is.
        asked: how often each keyword was asked for, by service.
        script: answers in the place of the right one; None is a right one, ``silence`` none at all.
        reached: set at the request for ``wanted``.
    """

    silence = object()

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[tuple[str, str]] = Counter()
        self.order: list[str] = []
        self.script: deque[object] = deque()
        self.wanted: str | None = None
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.closing = asyncio.Event()

    async def search(self, request: Request) -> Response:
        service = request.path_params["service"]
        keyword = request.query_params["query"]
        self.asked[keyword, service] += 1
        self.order.append(keyword)
        if keyword == self.wanted:
            self.wanted = None
            self.reached.set()
            await self.go_on.wait()
        sent = (request.headers.get("x-naver-client-id"), request.headers.get("x-naver-client-secret"))
        if sent != (CLIENT_ID, CLIENT_SECRET):
            return refusal(401, "024", f"Authentication failed: {sent[1]}")
        answer = self.script.popleft() if self.script else None
        if answer is self.silence:
            await self.closing.wait()
        if isinstance(answer, Response):
            return answer
        return JSONResponse({"total": len(keyword) * 10, "start": 1, "display": 1, "items": []})


@asynccontextmanager
async def naver_api() -> AsyncIterator[NaverApi]:
    """The API on a port of its own."""
    api = NaverApi()
    async with serve(Starlette(routes=[Route("/v1/search/{service}.json", api.search)])) as url:
        api.url = url
        try:
            yield api
        finally:
            api.go_on.set()
            api.closing.set()
