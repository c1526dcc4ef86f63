"""Examples that follow from types."""

from typing import Annotated

import msgspec

from filters.entry import LogEntry
from gateway.routing.examples import example_of


class Inner(msgspec.Struct, rename="camel"):
    task_id: str
    lines: int


class Outer(msgspec.Struct, rename="camel", kw_only=True):
    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["RUNNING", "FAILED"]})]
    name: Annotated[str, msgspec.Meta(examples=["nightly"])]
    title: str
    found: list[Inner]
    texts: list[str]
    next: str | None
    started_at: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
    success: bool = True
    error: str = ""


def test_an_example_has_the_fields_that_are_always_there() -> None:
    """Those of the vocabulary with its values, others with those of their annotation, or their own names."""
    assert example_of(Outer) == {
        "status": "RUNNING",
        "name": "nightly",
        "title": "title",
        "found": [{"taskId": "build-7", "lines": 1}],
        "texts": [],
        "next": None,
        "startedAt": "2026-01-31T13:45:00.123456789Z",
        "success": True,
    }


def test_an_example_is_a_document_of_its_type() -> None:
    """It can be read back, a list too."""
    assert msgspec.convert(example_of(list[LogEntry]), list[LogEntry])[0].task_id == "build-7"
    assert msgspec.convert(example_of(Outer), Outer).found[0].lines == 1
