import asyncio

import pytest
from otto_logs._commands.stream import LogStream

from tests.support.recorded_backoff import RecordedBackoff
from tests.support.sse_peer import Answer, event, line, sse_peer

_RETRY = b"retry: 1000\n\n"
_COMPLETE = event("complete", {"status": "COMPLETED", "lastSequence": 1}, "0000000a-1.end")


@pytest.mark.parametrize(
    ("piece", "bounds"),
    [
        (_RETRY, [1, 2, 4, 8]),
        (event("error", {"code": "INTERNAL", "message": "x"}), [1, 2, 4, 8]),
        (line(1, "first"), [1, 1, 1, 1]),
        (event("heartbeat", {}), [1, 1, 1, 1]),
    ],
    ids=["an opening", "an error", "a line", "a heartbeat"],
)
async def test_only_success_starts_the_pauses_anew(
    monkeypatch: pytest.MonkeyPatch, piece: bytes, bounds: list[float]
) -> None:
    """A gateway that accepts streams and drops them is left alone for longer each time, one that sends lines is not."""
    recorded = RecordedBackoff(1.0, 1000.0)
    monkeypatch.setattr("otto_logs._commands.stream.Backoff", lambda *_: recorded)
    async with sse_peer() as peer:
        peer.answers.extend([*[Answer([_RETRY, piece])] * 4, Answer([_COMPLETE])])
        stream = LogStream(peer.url, "t", (), None, give_up_seconds=1e9)
        await asyncio.to_thread(list, stream)

    assert recorded.bounds == bounds


async def test_the_gateway_says_what_the_pauses_start_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """`retry` is the bound of the first pause."""
    recorded = RecordedBackoff(1.0, 1000.0)
    monkeypatch.setattr("otto_logs._commands.stream.Backoff", lambda *_: recorded)
    async with sse_peer() as peer:
        peer.answers.extend([Answer([b"retry: 7000\n\n"])] * 2 + [Answer([_COMPLETE])])
        await asyncio.to_thread(list, LogStream(peer.url, "t", (), None, give_up_seconds=1e9))

    assert recorded.bounds == [7, 14]
