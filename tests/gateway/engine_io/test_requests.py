from typing import Any

import pytest

from gateway.engine_io.requests import EngineRequest, Wish, engine_request
from gateway.errors import ApiError


def scope(query: str, method: str = "GET", kind: str = "http") -> dict[str, Any]:
    return {"type": kind, "query_string": query.encode(), **({"method": method} if kind == "http" else {})}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (scope("EIO=4&transport=polling"), EngineRequest(Wish.OPEN, False)),
        (scope("EIO=4&transport=polling&sid=x"), EngineRequest(Wish.POLL, False, "x")),
        (scope("transport=polling&sid=x"), EngineRequest(Wish.POLL, False, "x")),
        (scope("EIO=4&transport=polling&sid=x", "POST"), EngineRequest(Wish.POST, False, "x")),
        (scope("", "OPTIONS"), EngineRequest(Wish.PREFLIGHT, False)),
        (scope("EIO=4&transport=websocket", kind="websocket"), EngineRequest(Wish.OPEN, True)),
        (scope("EIO=4&transport=websocket&sid=x", kind="websocket"), EngineRequest(Wish.UPGRADE, True, "x")),
        (scope("EIO=3&transport=polling"), EngineRequest(Wish.EXPLAIN, False)),
        (scope("EIO=3&transport=polling&sid=x", "POST"), EngineRequest(Wish.EXPLAIN, False, "x")),
    ],
)
def test_engine_request_says_what_is_asked_for(asked: dict[str, Any], expected: EngineRequest) -> None:
    """From the method, the query and whether it is a handshake."""
    assert engine_request(asked) == expected


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (scope("transport=polling"), "EIO"),
        (scope("EIO=abc&transport=polling"), "EIO"),
        (scope("EIO=5&transport=polling"), "EIO"),
        (scope("EIO=4"), "transport"),
        (scope("EIO=4&transport=abc"), "transport"),
        (scope("EIO=4&transport=websocket"), "transport"),
        (scope("EIO=4&transport=polling", kind="websocket"), "transport"),
        (scope("EIO=4&transport=polling", "POST"), "sid"),
        (scope("EIO=4&transport=polling", "PUT"), None),
        (scope("EIO=4&transport=polling", "HEAD"), None),
        (scope("EIO=4&transport=polling&j=0"), "j"),
    ],
)
def test_engine_request_refuses_what_the_protocol_does_not_have(asked: dict[str, Any], field: str | None) -> None:
    """The refusal names the parameter."""
    with pytest.raises(ApiError) as refused:
        engine_request(asked)
    assert (refused.value.code, refused.value.field) == ("INVALID_ARGUMENT", field)
