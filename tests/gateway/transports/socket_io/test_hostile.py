"""Packets that no honest client sends. Threats: a traceback per packet, memory that nobody gives back, a handler that
is not meant to be called, a place in the server that a stranger keeps for nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import httpx2
import msgspec
import pytest
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import InvalidStatus

from gateway.engine_io.interfaces import Heartbeat
from gateway.engine_io.limits import EngineLimits
from gateway.transports.socket_io.server import SocketIoLimits
from tests.gateway.transports.conftest import Connect, MakeGateway
from tests.support.gateway_server import GatewayServer, Principal
from tests.support.scripted_history import block
from tests.support.socket_io_client import NAMESPACE, RawWebSocket
from tests.support.waiting import until

OpenRaw = Callable[..., Awaitable[RawWebSocket]]

EVENT = f"42{NAMESPACE},"

MALFORMED = {
    "empty": "",
    "no packet type": "x",
    "unknown engine packet": "9",
    "engine ping from a client": "2",
    "no socket.io type": "4",
    "unknown socket.io type": "47",
    "superscript type": "4\u00b2",
    "json instead of a packet": '4["subscribe-to-logs"]',
    "object instead of a packet": '4{"a":1}',
    "true": "4true",
    "event without data": f"42{NAMESPACE}",
    "event that is no list": f'{EVENT}{{"a":1}}',
    "event that is a string": f'{EVENT}"subscribe-to-logs"',
    "event without a name": f"{EVENT}[]",
    "broken json": f'{EVENT}["subscribe-to-logs",{{"taskId":',
    "deep json": f"{EVENT}[{'[' * 100_000}",
    "deep engine json": "4" + "[" * 100_000,
    "endless callback number": f"42{NAMESPACE},{'9' * 200}[]",
    "huge number": f"{EVENT}[{'9' * 5000}]",
    "a connect error": f"44{NAMESPACE},{{}}",
    "binary event": f'451-{NAMESPACE},["subscribe-to-logs",{{"_placeholder":true,"num":0}}]',
    "many attachments": f'459999999999-{NAMESPACE},["x"]',
    "binary acknowledgement": f"461-{NAMESPACE},0[]",
    "bad base64": "b!",
    "base64": "bAAAA",
    "too large": f'{EVENT}["x","{"y" * (300 << 10)}"]',
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_packet_ends_only_its_own_socket(
    gateway: GatewayServer, open_raw: OpenRaw, connect: Connect, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """It leaves no session, no socket and no traceback behind; or the packet is passed over."""
    bystander = await connect(gateway)
    await bystander.call("subscribe-to-logs", {"taskId": "build"})
    raw = await open_raw(gateway)
    await raw.join()
    await raw.emit("subscribe-to-logs", {"taskId": "build"})
    assert (await raw.receive_event())[0] == "subscription_success"
    await raw.send(text)
    await raw.emit("get-server-stats")
    while (name := (await raw.receive_event())[0]) not in ("", "server-stats"):
        pass
    await raw.close()
    await until(lambda: gateway.socket_io.statistics.clients == 1, "only the bystander is connected")
    await until(lambda: len(gateway.hub.sessions) == 1, "only the bystander's session is left")
    gateway.commit(block(1, 3))
    await bystander.wait(lambda c: c.sequences == [1, 2, 3])
    if not name:
        assert gateway.socket_io.statistics.malformed <= 1
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_binary_messages_are_refused(gateway: GatewayServer, open_raw: OpenRaw) -> None:
    """No event has an attachment; collecting them would have no bound."""
    raw = await open_raw(gateway)
    await raw.join()
    await raw.send_bytes(b"\x00" * 1000)
    assert await raw.receive() in ("1", "")


@pytest.mark.parametrize(
    "payload",
    [
        '{"taskId":"t","filter":{"\\ud800":1}}',
        '{"taskId":"t","filter":{"levels":["\\udfff"]}}',
        '{"taskId":"t","after":"\\ud800"}',
        '{"taskId":"\\ud800"}',
    ],
)
async def test_half_a_character_is_answered_too(gateway: GatewayServer, open_raw: OpenRaw, payload: str) -> None:
    """JSON can escape what UTF-8 cannot carry back."""
    raw = await open_raw(gateway)
    await raw.join()
    await raw.send(f'{EVENT}["subscribe-to-logs",{payload}]')
    assert (await raw.receive_event())[0] == "subscription_error"
    await raw.send(f'{EVENT}["\\ud800",{payload}]')
    assert (await raw.receive_event())[0] == "request_error"


async def test_jsonp_is_not_offered(gateway: GatewayServer) -> None:
    """Any page could read it, because scripts know no origin."""
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        answer = await http.get("/socket.io/?EIO=4&transport=polling&j=0")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "j")


@pytest.mark.parametrize("name", ["connect", "disconnect", "trigger_event", "on_disconnect", 5, None, ["x"], {"a": 1}])
async def test_an_event_cannot_call_what_is_not_an_event(
    gateway: GatewayServer, open_raw: OpenRaw, name: object
) -> None:
    """Names of the library's own events are unknown events like any other."""
    raw = await open_raw(gateway)
    await raw.join()
    await raw.send(f"{EVENT}{msgspec.json.encode([name]).decode()}")
    answer, payload = await raw.receive_event()
    assert (answer, payload["code"]) == ("request_error", "INVALID_ARGUMENT")
    assert gateway.socket_io.statistics.clients == 1


async def test_an_event_outside_of_the_namespace_does_nothing(gateway: GatewayServer, open_raw: OpenRaw) -> None:
    """Neither before the connect nor in another namespace."""
    gateway.tokens.principals["good"] = Principal()
    raw = await open_raw(gateway)
    await raw.receive()
    subscribe = '["subscribe-to-logs",{"taskId":"build"}]'
    await raw.send(f"{EVENT}{subscribe}")
    await raw.send(f"42{subscribe}")
    await raw.send("40")
    assert await raw.receive() == '44{"message":"Invalid namespace; connect to /log-streaming"}'
    await raw.send(f"{EVENT}{subscribe}")
    await raw.send(f'40{NAMESPACE},{{"token":"bad"}}')
    assert (await raw.receive()).startswith(f"44{NAMESPACE},")
    assert not gateway.hub.sessions


async def test_a_namespace_is_joined_once(gateway: GatewayServer, open_raw: OpenRaw) -> None:
    """A second connect is refused, and the first client stays."""
    raw = await open_raw(gateway)
    await raw.join()
    await raw.send(f"40{NAMESPACE},")
    assert (await raw.receive()).startswith(f"44{NAMESPACE},")
    await raw.emit("get-server-stats")
    assert (await raw.receive_event())[0] == "server-stats"
    assert gateway.socket_io.statistics.clients == 1


async def test_a_socket_that_joins_nothing_is_closed(start_gateway: MakeGateway, open_raw: OpenRaw) -> None:
    """A stranger cannot keep a connection that it never authenticates."""
    gateway = await start_gateway(socket_io_limits=SocketIoLimits(engine=EngineLimits(join_seconds=0.05)))
    raw = await open_raw(gateway)
    assert (await raw.receive()).startswith("0")
    assert await raw.receive() in ("1", "")
    assert await raw.receive() == ""


async def test_a_client_that_left_the_namespace_is_closed(start_gateway: MakeGateway, open_raw: OpenRaw) -> None:
    """The same holds after a disconnect."""
    gateway = await start_gateway()
    raw = await open_raw(gateway)
    await raw.join()
    gateway.socket_io.limits = SocketIoLimits(engine=EngineLimits(join_seconds=0.01))
    await raw.emit("subscribe-to-logs", {"taskId": "build"})
    await raw.receive_event()
    await raw.send(f"41{NAMESPACE},")
    assert await raw.receive() in ("1", "")
    assert not gateway.hub.sessions


async def test_a_frozen_client_is_dropped_after_the_ping_timeout(start_gateway: MakeGateway, open_raw: OpenRaw) -> None:
    """Its connection is aborted, whatever waits in it; its session ends."""
    limits = SocketIoLimits(ping_interval_seconds=0.1, engine=EngineLimits(close_seconds=0.1))
    gateway = await start_gateway(socket_io_limits=limits)
    raw = await open_raw(gateway)
    await raw.join()
    await raw.emit("subscribe-to-logs", {"taskId": "build"})
    await raw.receive_event()
    (socket,) = gateway.socket_io.sockets
    socket.heartbeat = Heartbeat(interval_seconds=0.1, timeout_seconds=0.2)
    gateway.commit(block(1, 200, message="x" * 8000))
    await until(lambda: not (gateway.hub.sessions or gateway.connections), "the frozen client is dropped")
    assert gateway.socket_io.statistics.clients == 0


async def test_more_sockets_than_allowed_are_refused(start_gateway: MakeGateway, open_raw: OpenRaw) -> None:
    """With 503 and a reason, for both transports."""
    gateway = await start_gateway(socket_io_limits=SocketIoLimits(sockets_max=1))
    raw = await open_raw(gateway)
    await raw.join()
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        refusal = await http.get("/socket.io/?EIO=4&transport=polling")
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (503, "SERVER_FULL")
    with pytest.raises(InvalidStatus) as refused:
        await websocket_connect(f"ws://127.0.0.1:{gateway.port}/socket.io/?EIO=4&transport=websocket")
    assert refused.value.response.status_code == 503
    assert gateway.socket_io.statistics.refused == 2


BAD_POSTS = {
    "not utf-8": b"\xff\xfe",
    "nothing": b"",
    "jsonp without data": b"d=",
    "unknown packet": b"9",
    "empty packets": b"\x1e\x1e\x1e",
    "too many": b"\x1e".join([b"6"] * 300),
    "deep json": b"4" + b"[" * 100_000,
    "too large": b"4" + b"x" * (300 << 10),
}


# Threat: lines of the gateway's own log fill a disk.
async def test_malformed_packets_are_counted_and_rarely_logged(
    gateway: GatewayServer, open_raw: OpenRaw, caplog: pytest.LogCaptureFixture
) -> None:
    """The first of some seconds is a line."""
    caplog.set_level(logging.INFO)
    for _ in range(3):
        raw = await open_raw(gateway)
        await raw.join()
        await raw.send("b!")
    await until(lambda: gateway.socket_io.statistics.malformed == 3, "all three are counted")
    assert len([record for record in caplog.records if "malformed" in record.getMessage()]) == 1


# Threat: hundreds of packets in one write, all received before anybody else has a turn.
async def test_packets_that_took_long_give_others_a_turn(
    gateway: GatewayServer, open_raw: OpenRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a step's time the loop goes round, whatever else the client has sent."""
    turns: list[float] = []

    async def counted(seconds: float) -> None:
        turns.append(seconds)

    loop = SimpleNamespace(sleep=counted, get_running_loop=asyncio.get_running_loop)

    raw = await open_raw(gateway)
    await raw.join()
    monkeypatch.setattr("gateway.engine_io.server.STEP_SECONDS", 0.0)
    monkeypatch.setattr("gateway.engine_io.server.asyncio", loop)
    await raw.send("b!")
    await until(lambda: gateway.socket_io.statistics.malformed == 1 and turns == [0], "the loop went round")


@pytest.mark.parametrize("body", BAD_POSTS.values(), ids=BAD_POSTS.keys())
async def test_a_malformed_poll_is_refused(
    gateway: GatewayServer, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    """Never a 500, never a traceback, never a silent OK; but for one that is too large the session ends with it."""
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        query = {"EIO": "4", "transport": "polling"}
        opened = await http.get("/socket.io/", params=query)
        query["sid"] = msgspec.json.decode(opened.text[1:])["sid"]
        answer = await http.post("/socket.io/", params=query, content=body)
        again = await http.post("/socket.io/", params=query, content=b"6")
    is_too_large = len(body) > SocketIoLimits().message_bytes_max
    expected = (413, 200) if is_too_large else (400, 400) if body else (200, 200)
    assert (answer.status_code, again.status_code) == expected
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_two_polls_at_once_end_the_socket(gateway: GatewayServer) -> None:
    """Each would hold lines that the other waits for."""
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        query = {"EIO": "4", "transport": "polling"}
        opened = await http.get("/socket.io/", params=query)
        query["sid"] = msgspec.json.decode(opened.text[1:])["sid"]
        answers = await asyncio.gather(*(http.get("/socket.io/", params=query) for _ in range(2)))
    assert 400 in [answer.status_code for answer in answers]
    assert gateway.socket_io.statistics.sockets == 0


@pytest.mark.parametrize(
    ("allowed", "origin", "status"),
    [
        ([], None, 200),
        ([], "SELF", 200),
        ([], "https://evil.example", 400),
        (["https://app.example"], "https://app.example", 200),
        (["https://app.example/"], "SELF", 200),
        (["https://app.example"], "https://evil.example", 400),
        (["https://app.example"], "https://app.example.evil.example", 400),
        (["https://app.example"], "null", 400),
        (["*"], "https://evil.example", 200),
    ],
)
async def test_other_origins_are_refused_unless_they_are_configured(
    start_gateway: MakeGateway, allowed: list[str], origin: str | None, status: int
) -> None:
    """An empty list allows none: a page of somebody else could use the cookie of anyone who looks at it."""
    gateway = await start_gateway(cors_origins=allowed)
    headers = {} if origin is None else {"Origin": origin.replace("SELF", gateway.url)}
    async with httpx2.AsyncClient(base_url=gateway.url, headers=headers) as http:
        answer = await http.get("/socket.io/?EIO=4&transport=polling")
    assert answer.status_code == status
    allowed_origin = answer.headers.get("access-control-allow-origin")
    assert allowed_origin == (headers.get("Origin") if status == 200 else None)


async def test_where_any_origin_may_connect_its_cookie_counts_for_nothing(start_gateway: MakeGateway) -> None:
    """A token that the page itself knows does."""
    gateway = await start_gateway(cors_origins=["*"])
    gateway.tokens.principals["good"] = Principal()
    origin, cookie = ("Origin", "https://evil.example"), ("Cookie", "otto_session=good")

    async def greeting(headers: dict[str, str], auth: str) -> str:
        raw = await RawWebSocket.open(gateway.port, headers)
        await raw.receive()
        await raw.send(f"40{NAMESPACE},{auth}")
        text = await raw.receive()
        await raw.close()
        return text[:2]

    assert await greeting(dict([origin, cookie]), "") == "44"
    assert await greeting(dict([cookie]), "") == "40"
    assert await greeting(dict([origin, cookie]), '{"token":"good"}') == "40"
