"""The codec, and the cases of the protocol's own test suite (socketio/socket.io-protocol, version 5).

Different from it on purpose: there is one namespace, ``/log-streaming``, and not ``/``; packets with binary attachments
are of an invalid format; an event in a namespace that was not joined is passed over. Its cases of Engine.IO are in
``tests/gateway/engine_io/test_protocol_suite.py``.
"""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import ACK, CONNECT, DISCONNECT, EVENT
from socketio.packet import Packet as LibraryPacket

from gateway.engine_io.limits import EngineLimits
from gateway.engine_io.packets import PacketError
from gateway.transports.socket_io.protocol import (
    NAMESPACE,
    Acknowledgement,
    Connect,
    Disconnect,
    Event,
    connect_answer,
    connect_error,
    decode,
)
from gateway.transports.socket_io.server import SocketIoLimits
from tests.gateway.transports.conftest import MakeGateway
from tests.support.gateway_server import GatewayServer, Principal
from tests.support.socket_io_client import RawWebSocket

OpenRaw = Callable[..., Awaitable[RawWebSocket]]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMESPACES = st.sampled_from(["/", NAMESPACE, "/other"])


@given(NAMESPACES, st.text(max_size=9), st.lists(JSON, max_size=3), st.none() | st.integers(0, 10**15))
def test_decode_reads_the_events_that_the_library_writes(
    namespace: str, name: str, arguments: list[object], number: int | None
) -> None:
    """python-socketio is the other side."""
    text = LibraryPacket(EVENT, [name, *arguments], namespace=namespace, id=number).encode()
    assert decode(text) == Event(namespace, name, tuple(arguments), number)


@given(NAMESPACES, st.none() | st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_decode_reads_the_connects_that_the_library_writes(namespace: str, auth: dict[str, object] | None) -> None:
    """With or without something to show."""
    assert decode(LibraryPacket(CONNECT, auth, namespace=namespace).encode()) == Connect(namespace, auth)
    assert decode(LibraryPacket(DISCONNECT, namespace=namespace).encode()) == Disconnect(namespace)
    assert decode(LibraryPacket(ACK, [1], namespace=namespace, id=7).encode()) == Acknowledgement()


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "x", "4", "\u00b2", "2", f"2{NAMESPACE}", "2{}", '2"x"', "2[]", "2abc[1]", '2-1["x"]', '2["x"'),
        *(f"2{'9' * 17}[]", f"2[{'9' * 5000}]", f"2[{'[' * 100_000}", "0{", f"0/{'x' * 300},"),
        *('51-["x",{"_placeholder":true,"num":0}]', "61-0[]", '4{"message":"x"}'),
    ],
)
def test_decode_refuses_what_is_no_packet_of_a_client(text: str) -> None:
    """Whatever is wrong; packets with attachments and those of a server too."""
    with pytest.raises(PacketError):
        decode(text)


def test_decode_drops_the_query_of_a_namespace() -> None:
    """Old clients append it."""
    assert decode(f"0{NAMESPACE}?token=x,") == Connect(NAMESPACE)


def test_connect_answers_are_read_by_the_library() -> None:
    """With the session's id, or the reason and what belongs to it."""
    let_in, refused = (
        LibraryPacket(encoded_packet=packets.texts()[0][1:])
        for packets in (connect_answer("s"), connect_error("/other", "no", {"code": "X"}))
    )
    assert (let_in.namespace, let_in.data) == (NAMESPACE, {"sid": "s"})
    assert (refused.namespace, refused.data) == ("/other", {"message": "no", "data": {"code": "X"}})


@pytest.mark.parametrize("auth", ["", '{"token":"123"}'])
async def test_connect_to_the_namespace(gateway: GatewayServer, open_raw: OpenRaw, auth: str) -> None:
    """With a payload or without one; the answer has the session's id, and the greeting follows it."""
    gateway.tokens.principals["123"] = Principal()
    if not auth:
        gateway.tokens.principals.clear()
    raw = await open_raw(gateway)
    await raw.receive()
    await raw.send(f"40{NAMESPACE},{auth}")
    head, _, answer = (await raw.receive()).partition(",")
    assert (head, list(msgspec.json.decode(answer))) == (f"40{NAMESPACE}", ["sid"])
    name, greeting = await raw.receive_event()
    assert (name, greeting["sessionId"]) == ("connected", msgspec.json.decode(answer)["sid"])


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        ("40", "44"),
        ('40{"token":"123"}', "44"),
        ("40/random", "44/random,"),
        ("40/random,", "44/random,"),
        ("40/log-streaming/x,{}", "44/log-streaming/x,"),
    ],
)
async def test_connect_to_another_namespace_is_refused(
    gateway: GatewayServer, open_raw: OpenRaw, packet: str, answer: str
) -> None:
    """``connect_error`` says where to connect; the connection may still do so."""
    raw = await open_raw(gateway)
    await raw.receive()
    await raw.send(packet)
    assert await raw.receive() == answer + '{"message":"Invalid namespace; connect to /log-streaming"}'
    await raw.send(f"40{NAMESPACE},")
    assert (await raw.receive()).startswith(f"40{NAMESPACE},")


async def test_connect_with_an_invalid_handshake_ends_the_connection(gateway: GatewayServer, open_raw: OpenRaw) -> None:
    """What is no packet."""
    raw = await open_raw(gateway)
    await raw.receive()
    await raw.send("4abc")
    assert [await raw.receive(), await raw.receive()] == ["1", ""]


async def test_connection_without_a_connect_is_closed(start_gateway: MakeGateway, open_raw: OpenRaw) -> None:
    """After ``join_seconds``."""
    gateway = await start_gateway(socket_io_limits=SocketIoLimits(engine=EngineLimits(join_seconds=0.05)))
    raw = await open_raw(gateway)
    assert (await raw.receive()).startswith("0")
    assert [await raw.receive(), await raw.receive()] == ["1", ""]


async def test_disconnect_leaves_the_connection_open(gateway: GatewayServer, open_raw: OpenRaw) -> None:
    """A client may come in again; disconnecting from a namespace that it is not in changes nothing."""
    raw = await open_raw(gateway)
    await raw.join()
    await raw.send("41/random,")
    await raw.emit("get-server-stats")
    assert (await raw.receive_event())[0] == "server-stats"
    await raw.send(f"41{NAMESPACE},")
    await raw.emit("get-server-stats")  # passed over
    await raw.send(f"40{NAMESPACE},")
    assert (await raw.receive()).startswith(f"40{NAMESPACE},")


@pytest.mark.parametrize("number", ["", "0", "456"])
async def test_message_is_answered_by_name_and_to_its_callback(
    gateway: GatewayServer, open_raw: OpenRaw, number: str
) -> None:
    """The callback where the packet has its number."""
    raw = await open_raw(gateway)
    await raw.join()
    await raw.send(f'42{NAMESPACE},{number}["get-server-stats"]')
    assert (await raw.receive_event())[0] == "server-stats"
    if number:
        assert (await raw.receive()).startswith(f'43{NAMESPACE},{number}[{{"event":"get-server-stats"')


@pytest.mark.parametrize(
    "packet",
    [
        "4abc",
        "42{}",
        f"42{NAMESPACE},{{}}",
        f'42{NAMESPACE},abc["message-with-ack",1,"2",{{"3":[false]}}]',
        f'452-{NAMESPACE},["message",{{"_placeholder":true,"num":0}},{{"_placeholder":true,"num":1}}]',
        f'452-{NAMESPACE},789["message-with-ack",{{"_placeholder":true,"num":0}}]',
    ],
)
async def test_message_of_an_invalid_format_ends_the_connection(
    gateway: GatewayServer, open_raw: OpenRaw, packet: str
) -> None:
    """Unknown type, payload, callback number; and binary attachments, which no event of the gateway has."""
    raw = await open_raw(gateway)
    await raw.join()
    await raw.send(packet)
    assert [await raw.receive(), await raw.receive()] == ["1", ""]
