from gateway.engine_io.frames import FramedPackets, text_frame, texts_of
from gateway.engine_io.limits import EngineLimits
from gateway.engine_io.outbox import Outbox


def run_of(*texts: str) -> FramedPackets:
    return FramedPackets(b"".join(text_frame(text.encode()) for text in texts))


def test_outbox_gives_credit_back_with_the_frames() -> None:
    """What a WebSocket takes counts as written; packets that are not lines take no credit."""
    outbox = Outbox(EngineLimits(runs_in_flight=2))
    outbox.add(run_of("4answer"))
    outbox.add_run(run_of("4a", "4b"))
    assert outbox.has_room
    outbox.add_run(run_of("4c"))
    assert (outbox.has_room, outbox.waiting) == (False, 3)
    written = b""
    while (frames := outbox.take_frames()) is not None:
        written += frames
    assert texts_of(written) == ["4answer", "4a", "4b", "4c"]
    assert (outbox.has_room, outbox.waiting, outbox.bytes_in_flight) == (True, 0, 0)


def test_outbox_has_no_room_when_too_many_bytes_are_in_flight() -> None:
    """The run that crosses the limit is the last."""
    outbox = Outbox(EngineLimits(bytes_in_flight=100))
    outbox.add_run(run_of("4" + "x" * 60))
    assert outbox.has_room
    outbox.add_run(run_of("4" + "x" * 60))
    assert not outbox.has_room


def test_outbox_gives_a_poll_sixteen_packets_and_counts_the_rest() -> None:
    """Credit comes back when the client has asked for more and nothing of the run is left."""
    outbox = Outbox(EngineLimits())
    texts = [f"42{number}" for number in range(40)]
    outbox.add_run(run_of(*texts))
    taken: list[str] = []
    for expected in (16, 16, 8):
        outbox.confirm()
        assert outbox.bytes_in_flight > 0
        answer = outbox.take_texts(16)
        assert len(answer) == expected
        taken += answer
    assert taken == texts
    outbox.confirm()
    assert (outbox.bytes_in_flight, outbox.waiting) == (0, 0)


def test_outbox_hands_over_to_a_websocket_what_a_poll_has_left() -> None:
    """In the same order, before what came later."""
    outbox = Outbox(EngineLimits())
    outbox.add_run(run_of("4a", "4b", "4c"))
    assert outbox.take_texts(1) == ["4a"]
    outbox.add(run_of("4d"))
    written = b""
    while (frames := outbox.take_frames()) is not None:
        written += frames
    outbox.confirm()
    assert texts_of(written) == ["4b", "4c", "4d"]
    assert (outbox.waiting, outbox.bytes_in_flight) == (0, 0)
