import pytest

from gateway.engine_io.packets import PROBE, Packet, PacketError, PacketType
from gateway.engine_io.session import Carrier, Change, EngineSession, Reaction

PROBING_PING = Packet(PacketType.PING, PROBE)
UPGRADE = Packet(PacketType.UPGRADE)
MESSAGE = Packet(PacketType.MESSAGE, "hello")


def test_session_changes_from_polling_to_a_websocket() -> None:
    """The WebSocket is opened, tried with a probe, and takes over with the upgrade."""
    session = EngineSession(Carrier.POLLING)
    session.change(Change.ATTACH)
    assert session.receive(PROBING_PING, is_websocket=True) is Reaction.PROBE
    assert session.receive(MESSAGE, is_websocket=False) is Reaction.MESSAGE
    assert session.receive(UPGRADE, is_websocket=True) is Reaction.UPGRADE
    assert session.carrier is Carrier.WEBSOCKET
    assert session.receive(MESSAGE, is_websocket=True) is Reaction.MESSAGE


@pytest.mark.parametrize("packet", [MESSAGE, UPGRADE, Packet(PacketType.PING), Packet(PacketType.CLOSE)])
def test_session_takes_nothing_from_a_websocket_before_its_probe(packet: Packet) -> None:
    """Long polling continues carrying it when the WebSocket is gone."""
    session = EngineSession(Carrier.POLLING)
    session.change(Change.ATTACH)
    with pytest.raises(PacketError):
        session.receive(packet, is_websocket=True)
    session.change(Change.DETACH)
    assert session.carrier is Carrier.POLLING


@pytest.mark.parametrize("carrier", [Carrier.PROBING, Carrier.UPGRADING, Carrier.WEBSOCKET, Carrier.NOTHING])
def test_session_takes_no_second_websocket(carrier: Carrier) -> None:
    """Neither during the change nor after it, nor when it is over."""
    session = EngineSession(carrier)
    assert not session.can(Change.ATTACH)
    with pytest.raises(PacketError):
        session.change(Change.ATTACH)


@pytest.mark.parametrize("kind", [PacketType.OPEN, PacketType.PING, PacketType.UPGRADE])
@pytest.mark.parametrize("is_websocket", [False, True])
def test_session_refuses_what_only_a_server_sends(kind: PacketType, is_websocket: bool) -> None:
    """A ping of a client is that of Engine.IO 3."""
    session = EngineSession(Carrier.WEBSOCKET if is_websocket else Carrier.POLLING)
    with pytest.raises(PacketError):
        session.receive(Packet(kind), is_websocket=is_websocket)


def test_session_counts_a_pong_only_when_it_waits_for_one() -> None:
    """A flood of them keeps no dead client alive."""
    session = EngineSession(Carrier.WEBSOCKET)
    pong = Packet(PacketType.PONG)
    assert session.receive(pong, is_websocket=True) is Reaction.NOTHING
    session.awaits_pong = True
    assert session.receive(pong, is_websocket=True) is Reaction.PONG
    assert session.receive(pong, is_websocket=True) is Reaction.NOTHING


@pytest.mark.parametrize("carrier", [each for each in Carrier if each is not Carrier.NOTHING])
def test_session_can_be_closed_whatever_carries_it(carrier: Carrier) -> None:
    """Once."""
    session = EngineSession(carrier)
    session.change(Change.CLOSE)
    assert session.is_closed
    assert not session.can(Change.CLOSE)
