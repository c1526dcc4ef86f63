"""What we rely on inside of the libraries, and what our socket makes of it."""

import asyncio
import inspect
import time

import engineio
import pytest
import socketio
from engineio import async_server, packet
from engineio.async_drivers import asgi
from engineio.async_socket import AsyncSocket
from socketio.async_manager import AsyncManager

from gateway.transports.engine_io import EngineLimits, EngineServer, EngineSocket
from gateway.transports.socket_io_encoding import PacketRun
from gateway.transports.websocket import text_frame
from tests.support.patience import within_patience


def test_engineio_still_has_what_we_reach_into() -> None:
    """See the head of ``gateway.transports.engine_io``."""
    server = engineio.AsyncServer(async_mode="asgi", logger=False)
    assert isinstance(server.create_queue(), asyncio.Queue)
    assert server.sockets == {}
    assert server._async["websocket"] is asgi.WebSocket
    assert "self.server._async['websocket'](\n            self._websocket_handler" in inspect.getsource(AsyncSocket)
    assert "async_socket.AsyncSocket(self, sid)" in inspect.getsource(async_server.AsyncServer._handle_connect)
    socket = AsyncSocket(server, "sid")
    assert not hasattr(AsyncSocket, "__slots__")
    for name in ("queue", "closing", "closed", "upgrading", "upgraded", "last_ping"):
        assert hasattr(socket, name)
    handler = inspect.getsource(AsyncSocket._websocket_handler)
    for call in ("await self.poll()", "await ws.send(pkt.encode())", "await ws.wait()", "await self.receive(pkt)"):
        assert call in handler
    assert "self.queue.task_done()" in inspect.getsource(AsyncSocket.poll)
    assert "time.time() - last_ping >" in inspect.getsource(AsyncSocket.check_ping_timeout)
    assert "self.last_ping = time.time()" in inspect.getsource(AsyncSocket._send_ping)
    for name in ("handle_get_request", "handle_post_request", "receive", "close"):
        assert inspect.iscoroutinefunction(getattr(AsyncSocket, name))


def test_socketio_still_has_what_we_reach_into() -> None:
    """See the head of ``gateway.transports.socket_io_protocol``."""
    expected = {
        "_handle_eio_connect": ["self", "eio_sid", "environ"],
        "_handle_eio_message": ["self", "eio_sid", "data"],
        "_handle_connect": ["self", "eio_sid", "namespace", "data"],
        "_handle_disconnect": ["self", "eio_sid", "namespace", "reason"],
        "_handle_event_internal": ["self", "server", "sid", "eio_sid", "data", "namespace", "id"],
    }
    for name, parameters in expected.items():
        assert list(inspect.signature(getattr(socketio.AsyncServer, name)).parameters) == parameters
    for name in ("sid_from_eio_sid", "eio_sid_from_sid", "is_connected", "disconnect"):
        assert hasattr(AsyncManager, name)


def make_socket(**limits: float) -> EngineSocket:
    server = EngineServer(async_mode="asgi", logger=False, ping_interval=5, ping_timeout=5)
    return EngineSocket.adopt(AsyncSocket(server, "sid"), EngineLimits(**limits), "test")  # type: ignore[arg-type]


def run_of(*texts: str) -> PacketRun:
    return PacketRun(b"".join(text_frame(f"4{text}".encode()) for text in texts))


async def test_credit_is_given_back_when_what_was_taken_is_written() -> None:
    """Not when it is taken: the writer comes for more only when it has written."""
    socket = make_socket(runs_in_flight=2)
    socket.upgraded = True
    resumed: list[str] = []
    assert socket.write(run_of("a"))
    assert not socket.write(run_of("b"))
    socket.when_room(lambda: resumed.append("first"))
    assert len(await socket.poll()) == 2
    assert not resumed
    writer = asyncio.ensure_future(socket.poll())
    await asyncio.sleep(0)
    assert resumed == ["first"]
    assert socket.bytes_in_flight == 0
    socket.put(packet.Packet(packet.NOOP))
    assert len(await writer) == 1


async def test_waiters_take_turns_while_there_is_room() -> None:
    """The rest wait for the next time."""
    socket = make_socket(runs_in_flight=1)
    socket.upgraded = True
    turns: list[str] = []

    def resume(name: str) -> None:
        turns.append(name)
        socket.write(run_of(name))
        socket.when_room(lambda: resume(name))

    socket.write(run_of("x"))
    for name in "abc":
        socket.when_room(lambda name=name: resume(name))  # type: ignore[misc]
    for _ in range(6):
        await socket.poll()
    assert turns == ["a", "b", "c", "a", "b"]


async def test_a_long_poll_brings_sixteen_packets_at_most() -> None:
    """The rest of a run waits for the next poll, and counts until then."""
    socket = make_socket()
    socket.write(run_of(*(f"2{number}" for number in range(40))))
    sizes = []
    texts: list[str] = []
    for _ in range(3):
        packets = await socket.poll()
        sizes.append(len(packets))
        assert socket.bytes_in_flight > 0
        texts += [one.encode(b64=True) for one in packets]
    assert sizes == [16, 16, 8]
    assert texts == [f"42{number}" for number in range(40)]


async def test_a_wall_clock_that_is_set_drops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for the answer to a ping is that of the monotonic clock."""
    socket = make_socket()
    socket.last_ping = time.time()
    now, moment = time.time(), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert await socket.check_ping_timeout()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    monkeypatch.setattr(time, "monotonic", lambda: moment + socket.server.ping_timeout + 1)
    assert not await socket.check_ping_timeout()


async def test_a_closed_socket_takes_nothing_and_ends_its_writer() -> None:
    """What was queued before is still given out."""
    socket = make_socket()
    socket.upgraded = True
    socket.write(run_of("a"))
    await socket.close(abort=True)
    await socket.close(abort=True)
    assert socket.write(run_of("b"))
    assert not socket.put(packet.Packet(packet.NOOP))
    assert len(await socket.poll()) == 1
    assert await socket.poll() == []


async def test_whoever_waits_for_room_is_woken_by_the_close() -> None:
    """A handler does not hang on a client that is gone."""
    socket = make_socket()
    for _ in range(100):
        socket.put(packet.Packet(packet.NOOP))
    waiting = asyncio.ensure_future(socket.wait_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await socket.close(abort=True)
    async with within_patience("the waiter is woken"):
        await waiting


@pytest.mark.parametrize("abort", [True, False])
async def test_nothing_is_left_of_the_timers_of_a_closed_socket(abort: bool) -> None:
    """They would keep it alive."""
    socket = make_socket()
    socket.call_later(3600, lambda: None)
    await socket.close(abort=abort)
    assert not socket._timers
