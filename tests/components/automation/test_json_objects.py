from typing import Any

import pytest

from components.automation.json_objects import parse_object


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": [1, {"b": "가"}]}', {"a": [1, {"b": "가"}]}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ('{"a\\ud800": "\\udfff!"}', {"a?": "?!"}),  # halves of characters, which no UTF-8 can hold
    ],
)
def test_parse_object_gives_what_can_be_stored(text: str, found: dict[str, Any]) -> None:
    """Text that could not be encoded is replaced."""
    assert parse_object(text) == found


@pytest.mark.parametrize("text", [None, 7, b"{}", "", "[]", "1", '{"a": 1', nested(64), "[" * 100_000])
def test_parse_object_gives_none_for_everything_else(text: object) -> None:
    """Also for what is nested so deeply that it might not be written again."""
    assert parse_object(text) is None


def test_parse_object_takes_so_many_levels() -> None:
    """64 with what is innermost, and no fewer."""
    assert parse_object(nested(63)) is not None
