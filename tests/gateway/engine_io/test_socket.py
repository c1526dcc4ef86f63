"""Against a clock that moves when everybody waits (``looptime``): no test takes as long as it says."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import looptime
import pytest

from gateway.engine_io.frames import FramedPackets, text_frame
from gateway.engine_io.interfaces import Heartbeat
from gateway.engine_io.limits import EngineLimits
from gateway.engine_io.packets import PROBE, Packet, PacketError, PacketType
from gateway.engine_io.session import Carrier, EngineSession
from gateway.engine_io.socket import EngineSocket
from tests.support.scripted_connection import RecordingOwner, ScriptedConnection

MESSAGE = Packet(PacketType.MESSAGE, "hello")


@pytest.fixture
def clock() -> Iterator[Any]:
    loop = looptime.new_event_loop(start=0)
    yield loop
    loop.close()


def run(clock: Any, work: Coroutine[Any, Any, None]) -> None:
    clock.run_until_complete(work)


def socket_of(owner: RecordingOwner, carrier: Carrier = Carrier.POLLING, **limits: Any) -> EngineSocket:
    return EngineSocket(
        "sid",
        EngineSession(carrier),
        owner,
        limits=EngineLimits(**limits),
        heartbeat=Heartbeat(interval_seconds=25, timeout_seconds=60),
        handshake={},
        polled_packets_max=16,
    )


def attached(owner: RecordingOwner, **limits: Any) -> tuple[EngineSocket, ScriptedConnection]:
    socket, connection = socket_of(owner, Carrier.WEBSOCKET, **limits), ScriptedConnection()
    socket.attach(connection)
    return socket, connection


def run_of(*texts: str) -> FramedPackets:
    return FramedPackets(b"".join(text_frame(f"4{text}".encode()) for text in texts))


@pytest.mark.parametrize("is_websocket", [False, True])
def test_socket_is_closed_in_the_moment_in_which_the_pong_is_late(clock: Any, is_websocket: bool) -> None:
    """An interval after the opening it pings, and a time-out later it gives up; not at some later look."""

    async def scenario() -> None:
        owner = RecordingOwner()
        socket = attached(owner)[0] if is_websocket else socket_of(owner)
        socket.open("0{}")
        await asyncio.sleep(25 + 60 - 0.001)
        assert not socket.is_closed
        await asyncio.sleep(0.002)
        assert socket.is_closed
        assert owner.ends == ["closed", "gone"]

    run(clock, scenario())


def test_socket_is_pinged_an_interval_after_each_pong(clock: Any) -> None:
    """A client that answers stays for ever."""

    async def scenario() -> None:
        socket, connection = attached(RecordingOwner())
        socket.open("0{}")
        for count in range(1, 4):
            await asyncio.sleep(25.001)
            assert connection.texts == ["0{}"] + ["2"] * count
            await socket.receive(Packet(PacketType.PONG), connection)

    run(clock, scenario())


def test_socket_lets_writers_continue_when_the_peer_has_read(clock: Any) -> None:
    """Each in turn, while there is room; what is pending is bounded by credit."""

    async def scenario() -> None:
        socket, connection = attached(RecordingOwner(), runs_in_flight=1)
        connection.is_writable = False
        turns: list[str] = []

        def resume(name: str) -> None:
            turns.append(name)
            if not socket.write(run_of(name)):
                socket.when_room(lambda: resume(name))

        for name in "abc":
            socket.when_room(lambda name=name: resume(name))  # type: ignore[misc]
        assert not socket.write(run_of("x"))
        connection.drain()
        assert turns == ["a", "b", "c"]
        assert connection.texts == ["4x", "4a", "4b", "4c"]
        assert (socket.has_room, socket.packets_waiting) == (True, 0)

    run(clock, scenario())


def test_socket_keeps_the_order_of_lines_and_answers(clock: Any) -> None:
    """Also if a writer answers while what waited is being written."""

    async def scenario() -> None:
        socket, connection = attached(RecordingOwner(), runs_in_flight=1)
        connection.is_writable = False
        socket.write(run_of("1"))
        socket.put(run_of("2"))

        def resume() -> None:
            socket.put(run_of("3"))
            socket.write(run_of("4"))

        socket.when_room(resume)
        connection.drain()
        socket.write(run_of("5"))
        assert connection.texts == ["41", "42", "43", "44", "45"]

    run(clock, scenario())


def test_socket_does_not_read_on_from_a_client_that_reads_no_answers(clock: Any) -> None:
    """Until it does, or is closed."""

    async def scenario() -> None:
        owner = RecordingOwner()
        socket, connection = attached(owner, answers_waiting=2)
        connection.is_writable = False
        for _ in range(2):
            socket.put(run_of("answer"))
        receiving = asyncio.ensure_future(socket.receive(MESSAGE, connection))
        await asyncio.sleep(1)
        assert (owner.messages, receiving.done()) == ([], False)
        connection.drain()
        await receiving
        assert owner.messages == ["hello"]

    run(clock, scenario())


def test_socket_that_is_closed_wakes_whoever_waits_for_room(clock: Any) -> None:
    """A handler does not hang on a client that is gone; the message is not handled any more."""

    async def scenario() -> None:
        owner = RecordingOwner()
        socket, connection = attached(owner, answers_waiting=1)
        connection.is_writable = False
        socket.put(run_of("answer"))
        receiving = asyncio.ensure_future(socket.receive(MESSAGE, connection))
        await asyncio.sleep(1)
        connection.on_gone()
        await receiving
        assert owner.messages == []
        assert not socket.put(run_of("late"))
        assert owner.ends == ["closed", "gone"]

    run(clock, scenario())


def test_socket_that_is_closed_still_sends_what_was_queued(clock: Any) -> None:
    """Then the close, and after that the connection is hung up."""

    async def scenario() -> None:
        socket, connection = attached(RecordingOwner())
        connection.is_writable = False
        socket.write(run_of("a"))
        socket.close()
        assert not connection.is_hung_up
        connection.drain()
        assert connection.texts == ["4a", "1"]
        assert connection.is_hung_up

    run(clock, scenario())


def test_socket_that_is_closed_drops_a_client_that_does_not_read(clock: Any) -> None:
    """After ``close_seconds``."""

    async def scenario() -> None:
        socket, connection = attached(RecordingOwner(), close_seconds=5)
        connection.is_writable = False
        socket.write(run_of("a"))
        socket.close()
        await asyncio.sleep(4.9)
        assert not connection.is_aborted
        await asyncio.sleep(0.2)
        assert connection.is_aborted

    run(clock, scenario())


def test_polled_socket_that_is_closed_gives_out_the_rest_and_then_the_close(clock: Any) -> None:
    """The close has an answer of its own; a client that does not come is forgotten after ``close_seconds``."""

    async def scenario() -> None:
        owner = RecordingOwner()
        socket = socket_of(owner, close_seconds=5)
        socket.put(run_of("a"))
        socket.close()
        assert (await socket.poll(), owner.ends) == (["4a"], ["closed"])
        assert (await socket.poll(), owner.ends) == (["1"], ["closed", "gone"])
        other = socket_of(owner, close_seconds=5)
        other.close()
        await asyncio.sleep(5.1)
        assert owner.ends == ["closed", "gone"] * 2

    run(clock, scenario())


def test_socket_ends_the_poll_that_waits_when_the_probe_has_come(clock: Any) -> None:
    """With a noop, a little later, and every poll after it, so that the client can change; packets are given out."""

    async def scenario() -> None:
        socket, connection = socket_of(RecordingOwner()), ScriptedConnection()
        polling = asyncio.ensure_future(socket.poll())
        await asyncio.sleep(1)
        socket.attach(connection)
        await socket.receive(Packet(PacketType.PING, PROBE), connection)
        assert (await polling, connection.texts) == (["6"], ["3probe"])
        socket.put(run_of("a"))
        assert [await socket.poll(), await socket.poll()] == [["4a"], ["6"]]
        socket.put(run_of("b"))
        await socket.receive(Packet(PacketType.UPGRADE), connection)
        assert connection.texts == ["3probe", "4b"]
        assert await socket.poll() == []

    run(clock, scenario())


def test_socket_gives_up_a_websocket_that_does_not_take_over(clock: Any) -> None:
    """After ``upgrade_seconds``; polling carries the session on, and another WebSocket may be tried."""

    async def scenario() -> None:
        owner = RecordingOwner()
        socket, first, second = socket_of(owner, upgrade_seconds=10), ScriptedConnection(), ScriptedConnection()
        socket.attach(first)
        with pytest.raises(PacketError):
            socket.attach(second)
        await asyncio.sleep(10.1)
        assert first.is_hung_up
        assert (socket.session.carrier, owner.ends) == (Carrier.POLLING, [])
        socket.attach(second)

    run(clock, scenario())


def test_socket_takes_one_poll_and_one_post_at_a_time(clock: Any) -> None:
    """Each would hold packets that the other waits for, or handle them out of order."""

    async def scenario() -> None:
        socket = socket_of(RecordingOwner(), answers_waiting=1)
        polling = asyncio.ensure_future(socket.poll())
        await asyncio.sleep(1)
        with pytest.raises(PacketError):
            await socket.poll()
        socket.put(run_of("a"))
        posting = asyncio.ensure_future(socket.post([MESSAGE]))
        await asyncio.sleep(0)
        with pytest.raises(PacketError):
            await socket.post([MESSAGE])
        socket.end(PacketType.CLOSE)
        await asyncio.gather(polling, posting)

    run(clock, scenario())
