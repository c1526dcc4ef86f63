"""One Engine.IO socket: its session's decisions put into effect on polls, a WebSocket and timers.

Pending data of a client is bounded by credit: a limited number of batches and bytes may be in flight, and writers are
notified of free credit. If nothing is pending, frames are written directly to the connection; no task is woken.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.engine_io.frames import FramedPackets
from gateway.engine_io.interfaces import Heartbeat, SocketOwner, WebSocketConnection
from gateway.engine_io.limits import EngineLimits
from gateway.engine_io.outbox import Outbox
from gateway.engine_io.packets import PROBE, Packet, PacketError, PacketType
from gateway.engine_io.session import Carrier, Change, EngineSession, Reaction

__all__ = ["EngineSocket"]

_PING: Final = FramedPackets.of(PacketType.PING.text())
_PONG_PROBE: Final = FramedPackets.of(PacketType.PONG.text(PROBE))
_CLOSE: Final = FramedPackets.of(PacketType.CLOSE.text())
_NOOP_SECONDS: Final = 0.05
"""How long a poll may wait between the probe of a WebSocket and the change to it, which ends it better than a noop."""


class EngineSocket:
    """One client.

    Args:
        sid: the session's id, which is a credential.
        session: the state of it.
        owner: learns what happens.
        limits: what it may use.
        heartbeat: when it is pinged.
        handshake: the ASGI scope of the request that opened it, without what belongs to the connection.
        address: whose it is, as ``gateway.addresses.address_key`` says.
        polled_packets_max: packets that the client takes in one long-polling answer; None: any number.

    Attributes:
        heartbeat: when it is pinged, from the next ping or pong on.
        is_polled: whether a poll waits for packets.
    """

    def __init__(
        self,
        sid: str,
        session: EngineSession,
        owner: "SocketOwner[EngineSocket]",
        *,
        limits: EngineLimits,
        heartbeat: Heartbeat,
        handshake: Mapping[str, Any],
        address: str = "",
        polled_packets_max: int | None = None,
    ) -> None:
        self.sid = sid
        self.session = session
        self.handshake = handshake
        self.address = address
        self._owner = owner
        self._limits = limits
        self.heartbeat = heartbeat
        self._polled_packets_max = polled_packets_max
        self._outbox = Outbox(limits)
        self._writer: WebSocketConnection | None = None
        self._direct: WebSocketConnection | None = None  # the same while the session is open; saves ``write`` a look
        self._trial: WebSocketConnection | None = None
        self._poll: asyncio.Future[None] | None = None
        self.is_polled = False
        self._is_posted = False
        self._is_flushing = self._is_gone = False
        self._farewell = PacketType.NOOP.text()
        self._waiting: deque[Callable[[], None]] = deque()
        self._drained = asyncio.Event()
        self._ended = asyncio.Event()
        self._beat: asyncio.TimerHandle | None = None
        self._trial_end: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<EngineSocket {self.session!r} {self._outbox!r} writers waiting={len(self._waiting)}>"

    @property
    def is_closed(self) -> bool:
        """Whether it takes nothing more."""
        return self.session.is_closed

    @property
    def has_room(self) -> bool:
        """Whether another run may be written."""
        return self._outbox.has_room

    @property
    def bytes_in_flight(self) -> int:
        """Bytes of runs that were taken and not yet written."""
        return self._outbox.bytes_in_flight

    @property
    def packets_waiting(self) -> int:
        """Packets, and runs of them, that were taken and not yet written."""
        return self._outbox.waiting

    # To the client.

    def write(self, run: FramedPackets) -> bool:
        """Take a run of lines; False if the writer should wait for room."""
        direct = self._direct
        if direct is not None and not self._outbox.waiting and direct.is_writable:
            direct.write_frames(run.frames)
            return True
        if self.session.is_closed:
            return True  # its sessions are about to learn of it
        self._outbox.add_run(run)
        self._wake_poll()
        return self._outbox.has_room

    def put(self, packets: FramedPackets) -> bool:
        """Queue packets that take no credit; False if the socket is closed."""
        if self.session.is_closed:
            return False
        self._outbox.add(packets)
        self._flush()
        return True

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call ``resume`` once when there is room again; in the order of asking."""
        self._waiting.append(resume)

    async def wait_room(self) -> None:
        """Return once fewer packets wait than a client may leave unread, or the socket is closed."""
        while self._outbox.waiting >= self._limits.answers_waiting and not self.session.is_closed:
            self._drained.clear()
            await self._drained.wait()

    # From the client.

    def open(self, opening: str) -> None:
        """Say the first packet, and begin to ping."""
        self.put(FramedPackets.of(opening))
        self._beat_in(self.heartbeat.interval_seconds, self._ping)

    async def poll(self) -> list[str]:
        """The packets for a long-polling request, once there are some; none: a WebSocket has taken over.

        Raises:
            PacketError: another one waits already.
        """
        if self.is_polled:
            raise PacketError("two polls at once")
        self.is_polled = True
        try:
            self._outbox.confirm()
            self._make_room()
            is_woken = False
            while self._writer is None:
                if self._outbox:
                    return self._outbox.take_texts(self._polled_packets_max)
                if self.session.is_closed:
                    self._go()
                    return [self._farewell]
                if is_woken and self.session.carrier is Carrier.UPGRADING:
                    return [PacketType.NOOP.text()]
                await self._wait_for_packets()
                is_woken = True
            return []
        finally:
            self.is_polled = False

    async def post(self, packets: list[Packet]) -> None:
        """Handle the packets of a long-polling request.

        Raises:
            PacketError: one of them may not come now, or another request is being handled.
        """
        if self._is_posted:
            raise PacketError("two requests with packets at once")
        self._is_posted = True
        try:
            for packet in packets:
                await self._react(self.session.receive(packet, is_websocket=False), packet)
        finally:
            self._is_posted = False

    def attach(self, connection: WebSocketConnection) -> None:
        """A WebSocket of this session is open.

        Raises:
            PacketError: it has one already, or is closed.
        """
        if self.session.carrier is Carrier.WEBSOCKET and self._writer is None:
            connection.on_gone = lambda: self.detach(connection)
            self._carry(connection)
        else:
            self.session.change(Change.ATTACH)
            connection.on_gone = lambda: self.detach(connection)
            self._trial = connection
            self._trial_end = _later(self._limits.upgrade_seconds, lambda: self._end_trial(connection))

    async def receive(self, packet: Packet, connection: WebSocketConnection) -> None:
        """Handle a packet from a WebSocket.

        Raises:
            PacketError: it may not come now.
        """
        if connection is self._writer or connection is self._trial:
            await self._react(self.session.receive(packet, is_websocket=True), packet)

    def refuse(self, connection: WebSocketConnection) -> None:
        """Close a WebSocket after a protocol error, and the session if the WebSocket carries it."""
        if connection is self._writer:
            self.end(PacketType.CLOSE)
        else:
            self._end_trial(connection)

    def detach(self, connection: WebSocketConnection) -> None:
        """A WebSocket was lost. If it carried the session, the session ends. Idempotent."""
        connection.on_writable = connection.on_gone = _nothing
        if connection is self._trial:
            self._trial = None
            _cancel(self._trial_end)
            if not self.session.is_closed:
                self.session.change(Change.DETACH)
        elif connection is self._writer or (self._writer is None and self.session.carrier is Carrier.WEBSOCKET):
            self._writer = None
            self._outbox.clear()
            self._close(Change.DETACH)
            self._ended.set()
            self._go()

    # The end.

    def close(self) -> None:
        """Close the socket; idempotent. What was queued is still sent, for ``close_seconds`` at most."""
        if self.session.is_closed:
            return
        self._farewell = PacketType.CLOSE.text()  # in an answer of its own: python-engineio drops what comes with it
        if self._writer is not None:
            self._outbox.add(_CLOSE)
        self._close(Change.CLOSE)
        if self._writer is None:
            _later(self._limits.close_seconds, self._go)

    def end(self, farewell: PacketType) -> None:
        """Close the socket; idempotent. One packet is sent in the place of what was queued, to a poll that waits."""
        if self.session.is_closed:
            return
        self._outbox.clear()
        self._farewell = farewell.text()
        if self._writer is not None and farewell is PacketType.CLOSE:
            self._outbox.add(_CLOSE)
        self._close(Change.CLOSE)
        self._go()

    def abort(self) -> None:
        """Drop the connection with its pending data."""
        if self._writer is not None:
            self._writer.abort()

    async def wait_ended(self) -> None:
        """Return once the WebSocket of a closed socket has ended."""
        if self._writer is not None:
            await self._ended.wait()

    def _close(self, change: Change) -> None:
        if self.session.is_closed:
            return
        self.session.change(change)
        self._direct = None
        _cancel(self._beat)
        _cancel(self._trial_end)
        self._waiting.clear()
        self._drained.set()
        if self._trial is not None:
            self._trial.hang_up(self._limits.close_seconds)
        self._owner.closed(self)
        self._flush()
        if self._writer is not None:
            _later(self._limits.close_seconds, self._writer.abort)

    def _go(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            self._owner.gone(self)

    # Decisions, put into effect.

    async def _react(self, reaction: Reaction, packet: Packet) -> None:
        match reaction:
            case Reaction.MESSAGE:
                await self.wait_room()  # a client that reads no answers is not listened to either
                if not self.session.is_closed:
                    await self._owner.received(self, packet.data)
            case Reaction.PONG:
                self._beat_in(self.heartbeat.interval_seconds, self._ping)
            case Reaction.CLOSE:
                self.end(PacketType.NOOP)
            case Reaction.PROBE if self._trial is not None:
                if self._trial.is_writable:
                    self._trial.write_frames(_PONG_PROBE.frames)
                _later(_NOOP_SECONDS, self._wake_poll)
            case Reaction.UPGRADE if self._trial is not None:
                self._wake_poll()
                trial, self._trial = self._trial, None
                _cancel(self._trial_end)
                self._carry(trial)

    def _carry(self, connection: WebSocketConnection) -> None:
        self._writer = self._direct = connection
        connection.on_writable = self._flush
        self._outbox.confirm()
        self._flush()

    def _end_trial(self, connection: WebSocketConnection) -> None:
        if connection is self._trial:
            self.detach(connection)
            connection.hang_up(self._limits.close_seconds)

    def _flush(self) -> None:
        """Write what the peer takes, and let those continue who wait for room."""
        writer = self._writer
        if writer is None:
            self._wake_poll()
            return
        if self._is_flushing:
            return  # a writer that was resumed below has put something; the loop comes to it
        self._is_flushing = True
        try:
            self._write_out(writer)
            while self._make_room():
                self._write_out(writer)
        finally:
            self._is_flushing = False
        if self.session.is_closed and not self._outbox:
            writer.hang_up(self._limits.close_seconds)

    def _write_out(self, writer: WebSocketConnection) -> None:
        while writer.is_writable:
            frames = self._outbox.take_frames()
            if frames is None:
                return
            writer.write_frames(frames)

    async def _wait_for_packets(self) -> None:
        """Return once a poll should look again."""
        self._poll = asyncio.get_running_loop().create_future()
        end = _later(_NOOP_SECONDS, self._wake_poll) if self.session.carrier is Carrier.UPGRADING else None
        try:
            await self._poll
        finally:
            self._poll = None
            _cancel(end)

    def _wake_poll(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def _make_room(self) -> int:
        """Let those continue who wait for room, each once; how many there were."""
        self._drained.set()
        resumed = 0
        for _ in range(len(self._waiting)):
            if not self._outbox.has_room or not self._waiting:
                break
            self._waiting.popleft()()
            resumed += 1
        return resumed

    def _beat_in(self, seconds: float, callback: Callable[[], None]) -> None:
        _cancel(self._beat)
        if not self.session.is_closed:
            self._beat = _later(seconds, callback)

    def _ping(self) -> None:
        self.session.awaits_pong = True
        self.put(_PING)
        self._beat_in(self.heartbeat.timeout_seconds, lambda: self.end(PacketType.CLOSE))


def _later(seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, callback)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _nothing() -> None:
    pass
