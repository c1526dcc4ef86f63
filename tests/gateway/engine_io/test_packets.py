import msgspec
import pytest
from engineio.packet import MESSAGE
from engineio.packet import Packet as LibraryPacket
from engineio.payload import Payload
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine_io.packets import (
    Packet,
    PacketError,
    PacketType,
    decode_packet,
    decode_payload,
    encode_payload,
    opening,
)

MESSAGES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1e")), min_size=1, max_size=9
)


@pytest.mark.parametrize("text", ["", "7", "x", "\u00b2", "b", "bAQIDBA==", " 4", "\x1e"])
def test_decode_packet_refuses_what_has_no_type(text: str) -> None:
    """Binary packets too: no event has an attachment."""
    with pytest.raises(PacketError):
        decode_packet(text)


@given(MESSAGES)
def test_decode_payload_reads_what_the_library_writes(messages: list[str]) -> None:
    """python-engineio is the other side."""
    body = Payload([LibraryPacket(MESSAGE, text) for text in messages]).encode().encode()
    assert decode_payload(body, packets_max=9) == [Packet(PacketType.MESSAGE, text) for text in messages]


@given(MESSAGES)
def test_encode_payload_writes_what_the_library_reads(messages: list[str]) -> None:
    """python-engineio is the other side; it would read what looks like JSON as such."""
    texts = [PacketType.MESSAGE.text("x" + text) for text in messages]
    packets = Payload(encoded_payload=encode_payload(texts).decode()).packets
    assert [(packet.packet_type, packet.data) for packet in packets] == [(MESSAGE, "x" + text) for text in messages]


@pytest.mark.parametrize("body", [b"\xff", b"abc", b"4a\x1e", b"\x1e4a", b"4\x1e4\x1e4"])
def test_decode_payload_refuses_what_is_no_payload(body: bytes) -> None:
    """No UTF-8, no packet, an empty packet, or too many of them."""
    with pytest.raises(PacketError):
        decode_payload(body, packets_max=2)


def test_decode_payload_of_nothing_is_nothing() -> None:
    """A request without a body does no harm."""
    assert decode_payload(b"", packets_max=2) == []


def test_opening_says_how_the_session_is_kept_alive() -> None:
    """In whole milliseconds, also if the settings have fractions of a second."""
    text = opening("x", upgrades=[], ping_interval_seconds=0.3, ping_timeout_seconds=0.2, message_bytes_max=9)
    assert text[0] == "0"
    assert msgspec.json.decode(text[1:]) == {
        "sid": "x",
        "upgrades": [],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 9,
    }
