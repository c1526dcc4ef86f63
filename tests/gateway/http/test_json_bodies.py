"""JSON bodies: what is decoded and refused, and answers in pieces."""

from datetime import datetime

import msgspec
import pytest

from gateway.errors import ApiError
from gateway.http.json_bodies import around_list, decoded, text_times


class Wanted(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    task_id: str
    count: int = 0


class Page(msgspec.Struct, rename="camel"):
    task_id: str
    entries: list[int]
    is_last: bool


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "taskId"),
        (b'{"taskId":1}', "taskId"),
        (b'{"taskId":"a","count":"x"}', "count"),
        (b'{"taskId":"a","colour":1}', "colour"),
        (b"[]", None),
        (b"{", None),
    ],
)
async def test_decoded_names_the_field_that_is_wrong(body: bytes, field: str | None) -> None:
    """Missing, of another type, or unknown; none where the whole is no object."""
    with pytest.raises(ApiError) as caught:
        await decoded(body, Wanted)
    assert (caught.value.code, caught.value.field) == ("INVALID_ARGUMENT", field)


@pytest.mark.parametrize("task_id", ["a", '","entries":['])
def test_around_list_is_a_document_with_a_place_for_elements(task_id: str) -> None:
    """Whatever the texts in it are."""
    head, foot = around_list(Page(task_id, [], is_last=True), "entries")
    assert msgspec.json.decode(head + b"1,2" + foot, type=Page) == Page(task_id, [1, 2], is_last=True)


def test_text_times_writes_times_as_sqlite_does() -> None:
    """In whole seconds; everything else stays."""
    row = {"id": 1, "created_at": datetime.fromisoformat("2026-01-31 13:45:00.000999"), "next_at": None}
    assert text_times(row) == {"id": 1, "created_at": "2026-01-31 13:45:00", "next_at": None}
