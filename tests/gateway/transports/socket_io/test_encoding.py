from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import EVENT, Packet

from filters.block import Selection
from filters.entry import LogEntry, encode_lines
from gateway.transports.socket_io.encoding import (
    BATCHES,
    ENTRIES,
    acknowledgement,
    disconnection,
    event,
    raw_event,
)
from gateway.transports.socket_io.protocol import NAMESPACE
from tests.support.scripted_history import entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


def decoded(text: str) -> tuple[str, Any]:
    """An event as the library's own parser reads it."""
    assert text[0] == "4"
    packet = Packet(encoded_packet=text[1:])
    assert (packet.packet_type, packet.namespace) == (EVENT, NAMESPACE)
    name, payload = packet.data
    return name, payload


def selection_of(messages: list[str]) -> tuple[list[LogEntry], Selection]:
    entries = [entry(number, message=message) for number, message in enumerate(messages, 1)]
    return entries, Selection(0, len(entries), range(1, len(entries) + 1), encode_lines(entries), 7.0)


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_a_line_is_one_event_with_its_json(messages: list[str]) -> None:
    """Whatever its message; a separator of long-polling packets cannot come from a line."""
    entries, selection = selection_of(messages)
    run = ENTRIES.encode("0123abcd", selection)
    assert (run.start, run.end, run.count, run.received_at) == (0, len(entries), len(entries), 7.0)
    assert run.size == len(run.data.frames)
    events = [decoded(text) for text in run.data.texts()]
    assert events == [("log-entry", msgspec.to_builtins(one)) for one in entries]


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_a_batch_is_one_event_with_all_lines(messages: list[str]) -> None:
    """As an array."""
    entries, selection = selection_of(messages)
    run = BATCHES.encode("0123abcd", selection)
    assert run.count == len(entries)
    assert decoded(run.data.texts()[0]) == ("log-entries", msgspec.to_builtins(entries))


def test_packets_that_are_not_shared_are_read_by_the_library() -> None:
    """Events, with an object or with JSON that is ready, answers to callbacks, and the end."""
    assert decoded(event("connected", {"a": 1}).texts()[0]) == ("connected", {"a": 1})
    assert decoded(raw_event("pipeline-progress", b'{"a":1}').texts()[0]) == ("pipeline-progress", {"a": 1})
    assert acknowledgement(12, {"a": 1}).texts()[0] == f'43{NAMESPACE},12[{{"a":1}}]'
    assert disconnection().texts()[0] == f"41{NAMESPACE},"
