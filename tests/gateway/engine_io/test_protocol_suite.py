"""The cases of the protocol's own test suite (socketio/engine.io-protocol, version 4), against an echo server.

Different from it on purpose: binary packets are refused like packets of an invalid format.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.gateway.engine_io.conftest import Echo, StartEcho

POLLING = {"EIO": "4", "transport": "polling"}
WEBSOCKET = "?EIO=4&transport=websocket"
NO_SESSION = [{"transport": "polling"}, {"EIO": "abc", "transport": "polling"}, {"EIO": "4"}]


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=30) as client:
        yield client


class Poller:
    """A session on long polling."""

    def __init__(self, echo: Echo, http: httpx2.AsyncClient, sid: str) -> None:
        self._url, self._http, self.query = echo.url, http, {**POLLING, "sid": sid}

    @classmethod
    async def open(cls, echo: Echo, http: httpx2.AsyncClient) -> "Poller":
        opened = await http.get(echo.url, params=POLLING)
        return cls(echo, http, msgspec.json.decode(opened.text[1:])["sid"])

    async def poll(self) -> tuple[int, str]:
        answer = await self._http.get(self._url, params=self.query)
        return answer.status_code, answer.text if answer.status_code == 200 else ""

    async def post(self, body: str) -> tuple[int, str]:
        answer = await self._http.post(self._url, params=self.query, content=body)
        return answer.status_code, answer.text if answer.status_code == 200 else ""


async def poll_that_waits(echo: Echo, poller: Poller) -> "asyncio.Task[tuple[int, str]]":
    """A poll that has reached the server."""
    polling = asyncio.create_task(poller.poll())
    socket = echo.server.sockets[poller.query["sid"]]
    async with asyncio.timeout(30):
        while not socket.is_polled:
            await asyncio.sleep(0.001)
    return polling


async def ends(websocket: ClientConnection) -> bool:
    await asyncio.wait_for(websocket.wait_closed(), 30)
    return True


@pytest.mark.parametrize("is_websocket", [False, True])
async def test_handshake_opens_a_session(echo: Echo, http: httpx2.AsyncClient, is_websocket: bool) -> None:
    """With its id, what it may change to, the heartbeat and the largest payload."""
    if is_websocket:
        async with connect(echo.websocket_url + WEBSOCKET) as websocket:
            text = await websocket.recv(decode=True)
    else:
        answer = await http.get(echo.url, params=POLLING)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        text = answer.text
    assert text[0] == "0"
    opening = msgspec.json.decode(text[1:])
    assert isinstance(opening.pop("sid"), str)
    upgrades = [] if is_websocket else ["websocket"]
    heartbeat = {"pingInterval": 25_000, "pingTimeout": 60_000}
    assert opening == {"upgrades": upgrades, **heartbeat, "maxPayload": 1_000_000}


@pytest.mark.parametrize("query", [*NO_SESSION, {"EIO": "4", "transport": "abc"}])
async def test_handshake_fails_with_a_wrong_query(echo: Echo, http: httpx2.AsyncClient, query: dict[str, str]) -> None:
    """Without the version or the transport, or with one that there is not: 400 on both transports."""
    assert (await http.get(echo.url, params=query)).status_code == 400
    query = {name: value.replace("polling", "websocket") for name, value in query.items()}
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{echo.websocket_url}?{httpx2.QueryParams(query)}")
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_handshake_fails_with_another_method_than_get(echo: Echo, http: httpx2.AsyncClient, method: str) -> None:
    """With 400."""
    assert (await http.request(method, echo.url, params=POLLING)).status_code == 400


@pytest.mark.parametrize("body", ["4hello", "4test1\x1e4test2\x1e4test3", "4\u20ac\U0001f680"])
async def test_polling_sends_and_receives_packets(echo: Echo, http: httpx2.AsyncClient, body: str) -> None:
    """One or several; what was sent is answered with ``ok``."""
    poller = await Poller.open(echo, http)
    assert await poller.post(body) == (200, "ok")
    assert await poller.poll() == (200, body)


@pytest.mark.parametrize("body", ["abc", "4hello\x1ebAQIDBA==", "2", "5"])
async def test_polling_ends_with_a_packet_of_an_invalid_format(echo: Echo, http: httpx2.AsyncClient, body: str) -> None:
    """Binary packets included, which this server does not take."""
    poller = await Poller.open(echo, http)
    assert (await poller.post(body))[0] == 400
    assert (await poller.poll())[0] == 400
    assert echo.server.malformed == 1


async def test_polling_ends_with_a_second_poll(echo: Echo, http: httpx2.AsyncClient) -> None:
    """The first is answered with a close, the second with 400."""
    poller = await Poller.open(echo, http)
    first = await poll_that_waits(echo, poller)
    assert (await poller.poll())[0] == 400
    assert await first == (200, "1")
    assert (await poller.poll())[0] == 400


async def test_websocket_sends_and_receives_packets(echo: Echo) -> None:
    """As text."""
    async with connect(echo.websocket_url + WEBSOCKET) as websocket:
        await websocket.recv()
        await websocket.send("4hello")
        assert await websocket.recv() == "4hello"


@pytest.mark.parametrize("data", ["abc", b"\x01\x02\x03\x04", "2", "5"])
async def test_websocket_ends_with_a_packet_of_an_invalid_format(echo: Echo, data: str | bytes) -> None:
    """Binary messages included, which this server does not take."""
    async with connect(echo.websocket_url + WEBSOCKET) as websocket:
        await websocket.recv()
        await websocket.send(data)
        assert await ends(websocket)


async def test_heartbeat_over_polling(start_echo: StartEcho, http: httpx2.AsyncClient) -> None:
    """A ping is a packet like any other, and the next comes after its pong."""
    echo = await start_echo(interval_seconds=0.02)
    poller = await Poller.open(echo, http)
    for _ in range(3):
        assert await poller.poll() == (200, "2")
        assert await poller.post("3") == (200, "ok")


async def test_heartbeat_over_websocket(start_echo: StartEcho) -> None:
    """The same."""
    echo = await start_echo(interval_seconds=0.02)
    async with connect(echo.websocket_url + WEBSOCKET) as websocket:
        await websocket.recv()
        for _ in range(3):
            assert await websocket.recv() == "2"
            await websocket.send("3")


async def test_heartbeat_that_is_not_answered_ends_polling(start_echo: StartEcho, http: httpx2.AsyncClient) -> None:
    """The moment is in ``test_socket``."""
    echo = await start_echo(interval_seconds=0.02, timeout_seconds=0.02)
    poller = await Poller.open(echo, http)
    await asyncio.wait_for(echo.ended.wait(), 30)
    assert (await poller.poll())[0] == 400


async def test_heartbeat_that_is_not_answered_ends_a_websocket(start_echo: StartEcho) -> None:
    """It is closed, not only forgotten."""
    echo = await start_echo(interval_seconds=0.02, timeout_seconds=0.02)
    async with connect(echo.websocket_url + WEBSOCKET) as websocket:
        assert await ends(websocket)


async def test_close_over_polling_ends_the_poll_that_waits(echo: Echo, http: httpx2.AsyncClient) -> None:
    """With a noop; there is no session any more."""
    poller = await Poller.open(echo, http)
    polling = await poll_that_waits(echo, poller)
    assert await poller.post("1") == (200, "ok")
    assert await polling == (200, "6")
    assert (await poller.poll())[0] == 400


async def test_close_over_websocket_ends_the_connection(echo: Echo) -> None:
    """By the server, too."""
    async with connect(echo.websocket_url + WEBSOCKET) as websocket:
        await websocket.recv()
        await websocket.send("1")
        assert await ends(websocket)


async def test_upgrade_from_polling_to_websocket(echo: Echo, http: httpx2.AsyncClient) -> None:
    """After the probe a poll ends with a noop, and no noop comes over the WebSocket."""
    poller = await Poller.open(echo, http)
    async with connect(f"{echo.websocket_url}{WEBSOCKET}&sid={poller.query['sid']}") as websocket:
        await websocket.send("2probe")
        assert await websocket.recv() == "3probe"
        assert await poller.poll() == (200, "6")
        await websocket.send("5")
        await websocket.send("4hello")
        assert await websocket.recv() == "4hello"


async def test_upgraded_session_ignores_requests_and_websockets_with_its_id(
    echo: Echo, http: httpx2.AsyncClient
) -> None:
    """Requests are refused, another WebSocket is closed at once, and its own carries it on."""
    poller = await Poller.open(echo, http)
    url = f"{echo.websocket_url}{WEBSOCKET}&sid={poller.query['sid']}"
    async with connect(url) as websocket:
        for text in ("2probe", "5", "4first"):
            await websocket.send(text)
        assert [await websocket.recv(), await websocket.recv()] == ["3probe", "4first"]
        assert (await poller.poll())[0] == 400
        assert (await poller.post("4late"))[0] == 400
        async with connect(url) as second:
            assert await ends(second)
        await websocket.send("4hello")
        assert await websocket.recv() == "4hello"


async def test_upgrade_that_is_broken_off_leaves_polling(echo: Echo, http: httpx2.AsyncClient) -> None:
    """Not a case of the suite: a WebSocket that a proxy does not let through costs nothing."""
    poller = await Poller.open(echo, http)
    async with connect(f"{echo.websocket_url}{WEBSOCKET}&sid={poller.query['sid']}") as websocket:
        await websocket.send("4too early")
        assert await ends(websocket)
    assert await poller.post("4hello") == (200, "ok")
    assert await poller.poll() == (200, "4hello")


async def test_poll_that_is_broken_off_ends_the_session(echo: Echo, http: httpx2.AsyncClient) -> None:
    """Not a case of the suite: what the next poll would bring could have been in the answer that is lost."""
    poller = await Poller.open(echo, http)
    polling = await poll_that_waits(echo, poller)
    polling.cancel()
    await asyncio.wait_for(echo.ended.wait(), 30)
    assert not echo.server.sockets
