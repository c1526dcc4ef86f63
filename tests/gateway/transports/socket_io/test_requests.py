"""What clients ask for over Socket.IO, read and refused."""

from typing import Any

import pytest

from filters.model import LogFilter
from filters.position import Position
from gateway.errors import ApiError
from gateway.transports.socket_io.messages import NamedPipeline, NamedTask, SubscribeToLogs, UpdateLogFilter
from gateway.transports.socket_io.requests import request_of, start_of
from sessions.subscription import After, FromStart, Start, Tail


@pytest.mark.parametrize(
    ("payload", "start"),
    [
        ({}, FromStart()),
        ({"after": None, "tail": None, "batch": None, "filter": None}, FromStart()),
        ({"after": 7}, After(Position(7))),
        ({"after": "5f0c2a91-7"}, After(Position(7, "5f0c2a91"))),
        ({"tail": 5}, Tail(5, Position())),
        ({"tail": 0, "after": 7}, Tail(0, Position(7))),
    ],
)
def test_start_of_is_where_a_subscription_begins(payload: dict[str, Any], start: Start) -> None:
    """Null counts as left out."""
    assert start_of(request_of(({"taskId": "build", **payload},), SubscribeToLogs)) == start


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"taskId": None}, "taskId"),
        ({"taskId": 1}, "taskId"),
        ({"taskId": ""}, "taskId"),
        ({"taskId": "\ud800"}, "taskId"),
        ({"batch": "yes"}, "batch"),
        ({"after": True}, "after"),
        ({"after": -1}, "after"),
        ({"after": 10**18}, "after"),
        ({"after": "x"}, "after"),
        ({"tail": -1}, "tail"),
        ({"tail": 1.5}, "tail"),
        ({"filter": {"levels": ["LOUD"]}}, "filter.levels[0]"),
    ],
)
def test_a_wrong_field_is_named(payload: dict[str, Any], field: str) -> None:
    """With the place in it."""
    with pytest.raises(ApiError) as caught:
        start_of(request_of(({"taskId": "build", **payload},), SubscribeToLogs))
    assert (caught.value.code, caught.value.field) == ("INVALID_ARGUMENT", field)


@pytest.mark.parametrize("arguments", [(), (None,), ("build",), ({}, {})])
def test_an_event_takes_one_object(arguments: tuple[Any, ...]) -> None:
    """Nothing else is looked at."""
    with pytest.raises(ApiError):
        request_of(arguments, NamedTask)


def test_a_new_filter_is_needed_and_may_be_empty() -> None:
    """An empty one, or null, lets every line pass."""
    for empty in ({}, None):
        request = request_of(({"taskId": "build", "filter": empty},), UpdateLogFilter)
        assert request.filter == LogFilter()
    with pytest.raises(ApiError) as caught:
        request_of(({"taskId": "build"},), UpdateLogFilter)
    assert caught.value.field == "filter"


def test_a_pipeline_is_named_by_its_own_field() -> None:
    """As a task is by its own."""
    assert request_of(({"pipelineId": "release"},), NamedPipeline).pipeline_id == "release"
    with pytest.raises(ApiError) as caught:
        request_of(({"taskId": "release"},), NamedPipeline)
    assert caught.value.field == "pipelineId"
