from datetime import UTC, datetime
from typing import Any

import pytest

from components.automation.task_log_events import RowEvents, RowReader, TaskEnd


def row(**columns: Any) -> dict[str, Any]:
    given = {"id": 7, "task_id": "t", "queue_id": None, "level": "info", "message": "m", "action_type": None}
    time = datetime(2027, 1, 31, 3, 0, tzinfo=UTC).replace(tzinfo=None)
    return (
        given | {"queue_type": None, "pid": None, "process_name": None, "metadata": None, "created_at": time} | columns
    )


def read(**columns: Any) -> RowEvents:
    found = RowReader().read(row(**columns))
    assert found is not None
    return found


@pytest.mark.parametrize("text", ["no JSON", "[1]", "5", "{" * 10, '{"a":' * 10_000 + "1" + "}" * 10_000])
def test_metadata_that_is_no_json_object_is_a_field_of_the_line(text: str) -> None:
    """Such a row is sent like any other; what does not fit into a field is left out."""
    found = read(metadata=text)
    assert found.metadata == ({"metadata": text} if len(text) < 900 else {}) | {"task_log_id": "7"}


@pytest.mark.parametrize("metadata", ['{"stages": 5}', '{"stages": [["script"], null]}', '{"stages": {"script": 1}}'])
def test_a_stop_with_stages_that_are_none_ends_its_task_alone(metadata: str) -> None:
    """What a foreign row says of stages is read only if it names some."""
    found = read(action_type="stop", metadata=metadata)
    assert (found.stages, found.end) == ((), TaskEnd(failed=True, reason="m"))


@pytest.mark.parametrize(
    "columns", [{"message": b"\xff\xfe"}, {"process_name": b"x"}, {"metadata": '{"a": "\\ud800"}'}]
)
def test_a_text_that_is_no_unicode_is_replaced(columns: dict[str, Any]) -> None:
    """So everything of a row can be encoded."""
    found = read(**columns)
    assert "".join((found.message, *found.metadata.values())).encode()


@pytest.mark.parametrize("created_at", [None, datetime(1, 1, 1, tzinfo=UTC)])
def test_a_row_without_a_time_gets_the_present_one(created_at: datetime | None) -> None:
    """A time before 1970 is none."""
    before = datetime.now(UTC)
    assert read(created_at=created_at).created_at >= before


@pytest.mark.parametrize("columns", [{"task_id": ""}, {"task_id": "a\nb"}, {"metadata": '{"stream_position": "e-1"}'}])
def test_a_row_that_is_not_for_the_stream_has_no_events(columns: dict[str, Any]) -> None:
    """Its task has a name that no stream can have, or it came from the stream."""
    assert RowReader().read(row(**columns)) is None


def test_a_reason_is_cut_at_1000_characters() -> None:
    """The message of a stage and the reason of an end, wherever they are sent."""
    found = read(action_type="fail", queue_type="video", message="x" * 5000)
    assert found.end is not None
    assert (len(found.message), len(found.stages[0].message), len(found.end.reason)) == (5000, 1000, 1000)
