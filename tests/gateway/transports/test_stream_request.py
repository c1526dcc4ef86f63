import pytest

from filters.position import Position
from gateway.errors import ApiError
from gateway.transports.stream_request import is_named, last_event_id_of, start_of
from sessions.subscription import After


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ({}, {}, None),
        ({}, {"last-event-id": " 5f0c2a91-2\t"}, "5f0c2a91-2"),
        ({"lastEventId": "3"}, {"last-event-id": "2"}, "2"),
        ({"lastEventId": "3"}, {"last-event-id": " "}, "3"),
        ({"last-event-id": "4 "}, {}, "4"),
        ({"lastEventId": "3", "last-event-id": "4"}, {}, "3"),
        ({"lastEventId": ""}, {}, None),
    ],
)
def test_last_event_id_of_prefers_the_header(
    query: dict[str, str], headers: dict[str, str], expected: str | None
) -> None:
    """Without white space around it; polyfills send a parameter, of either name."""
    assert last_event_id_of(query, headers) == (expected and Position.parse(expected))


def test_start_of_continues_after_the_last_event() -> None:
    """Whatever else the address says, because a client that reconnects repeats it."""
    assert start_of({"lastEventId": "7", "tail": "2", "after": "1"}, {}) == After(Position(7))


def test_is_named_takes_no_other_names() -> None:
    """Each would be an encoding of its own."""
    assert [is_named({}), is_named({"event": "message"}), is_named({"event": "log"})] == [False, False, True]
    with pytest.raises(ApiError):
        is_named({"event": "line"})
