"""Cursors across tasks."""

from types import SimpleNamespace
from typing import Any

import pytest

from gateway.errors import ApiError
from gateway.history.cursors import RecordCursor


async def _settled_record() -> int:
    return 77


READS: Any = SimpleNamespace(epoch="0000000a", settled_record=_settled_record)


@pytest.mark.parametrize("cursor", [RecordCursor("0000000a", 9, 8), RecordCursor("0000000a", 9, 8, 7)])
async def test_a_cursor_reads_as_it_is_written(cursor: RecordCursor) -> None:
    """With the place within a task, and without."""
    assert await RecordCursor.of({"cursor": str(cursor)}, READS) == cursor
    assert str(cursor) == "-".join(map(str, filter(None, (cursor.epoch, 9, 8, cursor.upto))))


@pytest.mark.parametrize("query", [{}, {"cursor": ""}])
async def test_without_a_cursor_it_begins_with_the_newest_record(query: dict[str, str]) -> None:
    """Of this moment: what comes later is not part of the ranking."""
    begun = await RecordCursor.of(query, READS)
    assert (begun.epoch, begun.snapshot, begun.upto) == ("0000000a", 77, None)
    assert begun.record > 10**18


def test_another_place_is_in_the_same_ranking() -> None:
    """The snapshot stays."""
    cursor = RecordCursor("0000000a", 9, 8, 7)
    assert cursor.at(5) == RecordCursor("0000000a", 9, 5)
    assert cursor.at(5, 4) == RecordCursor("0000000a", 9, 5, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0000000b-9-8",
            "cursor is of another life of the journal (0000000b, this one is 0000000a): begin anew without it",
        ),
        ("0000000a-9", "cursor is '0000000a-9': give the `next` of an answer"),
        ("0000000a-9-8-", "cursor is '0000000a-9-8-': give the `next` of an answer"),
        ("0000000a-9-8\n", "cursor is '0000000a-9-8\\n': give the `next` of an answer"),
        ("x" * 1000, f"cursor is '{'x' * 64}': give the `next` of an answer"),
    ],
)
async def test_what_is_no_cursor_is_refused(text: str, message: str) -> None:
    """With what was given, as far as there is room, and what would be right."""
    with pytest.raises(ApiError) as caught:
        await RecordCursor.of({"cursor": text}, READS)
    assert (caught.value.code, caught.value.field, str(caught.value)) == ("INVALID_ARGUMENT", "cursor", message)
