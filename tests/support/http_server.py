"""An ASGI application on a real socket, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.support.waiting import until


@asynccontextmanager
async def serve(
    app: ASGIApp,
    *,
    http: str | type[asyncio.Protocol] = "auto",
    ws: str | type[asyncio.Protocol] = "auto",
    timeout_keep_alive: int = 5,
) -> AsyncIterator[str]:
    """Its base URL, for as long as the block lasts; the other arguments are uvicorn's."""
    # With a protocol of 0, as create_server has it, asyncio would not switch Nagle's algorithm off: 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=http,
            ws=ws,
            timeout_keep_alive=timeout_keep_alive,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )
    server.capture_signals = _no_signals  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve([listener]))
    try:
        await until(lambda: server.started, "the server listens")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


class _no_signals:  # noqa: N801 - in the place of a method
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...
