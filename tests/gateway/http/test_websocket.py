"""What ``FramedWebSocketProtocol`` makes of uvicorn's class, on a real server; a change inside of that shows here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.engine_io.frames import text_frame
from gateway.http.websocket import FramedWebSocketProtocol, websocket_of
from tests.support.http_server import serve

Work = Callable[[FramedWebSocketProtocol, Receive], Awaitable[None]]


@asynccontextmanager
async def served(work: Work) -> AsyncIterator[ClientConnection]:
    """A client of an application that accepts and does its work with the connection."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await work(websocket_of(scope), receive)

    async with (
        serve(app, ws=FramedWebSocketProtocol) as url,
        connect(url.replace("http", "ws"), max_size=None, max_queue=1) as client,
    ):
        yield client


async def until_gone(receive: Receive) -> None:
    while (await receive())["type"] == "websocket.receive":
        pass


async def test_frames_are_written_between_messages() -> None:
    """Several in one write; the client sees ordinary messages."""

    async def work(connection: FramedWebSocketProtocol, receive: Receive) -> None:
        assert connection.is_writable
        connection.write_frames(text_frame(b"one") + text_frame(b"two"))
        await until_gone(receive)

    async with served(work) as client:
        assert [await client.recv(), await client.recv()] == ["one", "two"]


async def test_connection_says_when_its_peer_has_read() -> None:
    """Not writable once a client leaves too much unread, and ``on_writable`` when that has changed."""
    writable = asyncio.Event()

    async def work(connection: FramedWebSocketProtocol, receive: Receive) -> None:
        connection.on_writable = writable.set
        while connection.is_writable:
            connection.write_frames(text_frame(b"x" * 65_000))
        await until_gone(receive)

    async with served(work) as client:
        async with asyncio.timeout(30):
            while not writable.is_set():
                await client.recv()


async def test_connection_that_is_hung_up_closes_behind_what_was_written() -> None:
    """With the normal code; it is not writable any more, and hanging up twice is the same."""

    async def work(connection: FramedWebSocketProtocol, receive: Receive) -> None:
        connection.write_frames(text_frame(b"last"))
        connection.hang_up(30)
        connection.hang_up(30)
        await until_gone(receive)
        assert not connection.is_writable

    async with served(work) as client:
        assert await client.recv() == "last"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


async def test_connection_of_a_client_that_does_not_read_is_dropped() -> None:
    """Hanging up takes ``seconds_max`` at most; the application learns of it."""
    gone = asyncio.Event()

    async def work(connection: FramedWebSocketProtocol, receive: Receive) -> None:
        connection.on_gone = gone.set
        while connection.is_writable:
            connection.write_frames(text_frame(b"x" * 65_000))
        connection.hang_up(0.01)
        await until_gone(receive)

    async with served(work):
        await asyncio.wait_for(gone.wait(), 30)


async def test_uvicorn_sends_no_pings_of_its_own() -> None:
    """They would wait after what a slow client has not read, and end its connection."""

    async def work(connection: FramedWebSocketProtocol, receive: Receive) -> None:
        assert connection.ping_timer is None
        await until_gone(receive)

    async with served(work) as client:
        await client.send("x")


async def test_websocket_of_another_server_is_an_error() -> None:
    """Which says what is missing."""
    with pytest.raises(RuntimeError, match="FramedWebSocketProtocol"):
        websocket_of({"type": "websocket"})
