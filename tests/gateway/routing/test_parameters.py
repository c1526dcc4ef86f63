"""Parameters: what they say of themselves is what they take."""

from typing import Any

import pytest

from gateway.errors import ApiError
from gateway.routing.parameters import Choice, Identifier, Number, Parameter, PositionParameter, Text

LIMIT = Number("limit", "At most so many.", minimum=1, maximum=200, default=50)
LEVEL = Choice("level", "Of this level.", choices=("info", "warn"))
TASK = Identifier("taskId", "The task.", place="query")
AFTER = PositionParameter("after", "Behind it.")
Q = Text("q", "The text.", length_max=5, is_required=True)


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (LIMIT, "1", 1),
        (LIMIT, "200", 200),
        (LEVEL, "warn", "warn"),
        (TASK, "빌드", "빌드"),
        (Q, "error", "error"),
    ],
)
def test_a_parameter_gives_the_value_that_it_describes(parameter: Any, text: str, value: object) -> None:
    """Numbers as numbers, everything else as it is written."""
    assert parameter.of({parameter.name: text}) == value


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        *((LIMIT, text) for text in ("0", "201", "", "-1", "1.5", "١", "1" * 30)),
        *((LEVEL, text) for text in ("", "WARN", "info,warn")),
        *((TASK, text) for text in ("", "a\x00", "x" * 257)),
        *((AFTER, text) for text in ("", "x", "-1")),
        *((Q, text) for text in ("", "errors")),
    ],
)
def test_a_parameter_refuses_what_it_does_not_describe(parameter: Any, text: str) -> None:
    """The refusal names it."""
    with pytest.raises(ApiError) as caught:
        parameter.of({parameter.name: text})
    assert (caught.value.code, caught.value.field) == ("INVALID_ARGUMENT", parameter.name)
    assert parameter.name in caught.value.message


def test_what_is_left_out_has_its_default() -> None:
    """Which a setting may replace, as it may the largest number."""
    assert (LIMIT.of({}), LIMIT.of({}, default=7), LIMIT.of({"limit": "900"}, maximum=1000)) == (50, 7, 900)
    assert (LEVEL.of({}), TASK.of({}), AFTER.of({})) == (None, None, None)
    assert Text("q", "And a text.", length_max=5).of({}) == ""


@pytest.mark.parametrize(
    ("parameter", "schema"),
    [
        (LIMIT, {"type": "integer", "minimum": 1, "maximum": 200}),
        (LEVEL, {"type": "string", "enum": ["info", "warn"]}),
        (Q, {"type": "string", "minLength": 1, "maxLength": 5}),
    ],
)
def test_the_schema_has_the_limits_that_are_checked(parameter: Parameter, schema: dict[str, Any]) -> None:
    """They are written once."""
    assert parameter.schema == schema


def test_an_identifier_in_a_path_is_needed() -> None:
    """And says how a slash is written there."""
    in_path = Identifier("taskId", "The task.")
    assert (in_path.is_required, TASK.is_required) == (True, False)
    assert ("%2F" in in_path.description, "%2F" in TASK.description) == (True, False)
