"""Every Socket.IO event and everything that may be shown at the connect; the gateway itself says which events exist."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio.exceptions

from tests.support.credentials import BAD, KINDS, OURS, credential
from tests.support.gateway_process import GatewayProcess
from tests.support.signed_tokens import bearer
from tests.support.socket_io_client import Recorder

pytestmark = pytest.mark.xdist_group("security doors")

TASK, PIPELINE = {"taskId": OURS}, {"pipelineId": OURS}
READS = {"wrong scope": "PERMISSION_DENIED", "other task": "PERMISSION_DENIED", "right": None}
OWN = dict.fromkeys(("wrong scope", "other task", "right"), "NOT_FOUND")
"""Asks for a subscription of one's own, which is not there."""

EVENTS: dict[str, tuple[dict[str, str | None], Any]] = {
    "subscribe-to-logs": (READS, TASK),
    "unsubscribe-from-logs": (OWN, TASK),
    "update-log-filter": (OWN, TASK | {"filter": {}}),
    "subscribe-to-pipeline": (READS, PIPELINE),
    "unsubscribe-from-pipeline": (OWN, PIPELINE),
    "get-server-stats": ({"wrong scope": None, "other task": None, "right": None}, None),
}


@asynccontextmanager
async def connected(gateway: GatewayProcess, **options: Any) -> AsyncIterator[Recorder]:
    recorder = Recorder()
    try:
        yield await recorder.connect(gateway.url, **options)
    finally:
        await recorder.close()


async def test_every_event_has_a_row(gateway: GatewayProcess) -> None:
    """A new event says in this table who may send it."""
    async with connected(gateway, auth={"token": credential("right")}) as client:
        answer = await client.call("no-such-event", {})
    assert set(answer["message"].partition("there are ")[2].split(", ")) == set(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in BAD])
async def test_who_may_send(gateway: GatewayProcess, event: str, kind: str) -> None:
    """As the table says; a refusal brings no line."""
    token = credential(kind)
    expected, payload = EVENTS[event]
    async with connected(gateway, auth={"token": token}) as client:
        answer = await client.call(event, payload)
        assert answer.get("code") == expected[kind]
        assert token not in str(answer)
        assert bool(client.events) is True  # the greeting, and the answer by name


@pytest.mark.parametrize("carrier", ["auth", "header", "cookie", "query"])
@pytest.mark.parametrize("kind", BAD)
async def test_who_is_not_let_in(gateway: GatewayProcess, kind: str, carrier: str) -> None:
    """The connect itself is refused, however the token is carried, and the text has nothing of it."""
    token = credential(kind)
    options: dict[str, Any] = {}
    url = gateway.url
    if token is not None:
        match carrier:
            case "auth":
                options = {"auth": {"token": token}}
            case "header":
                options = {"headers": bearer(token)}
            case "cookie":
                options = {"headers": {"Cookie": f"otto_session={token}"}}
            case _:
                url += f"?access_token={token}"
    recorder = Recorder()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await recorder.connect(url, **options)
    await recorder.close()
    assert recorder.refusal["data"]["code"] == "UNAUTHENTICATED"
    assert token is None or token not in str(recorder.refusal)


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_page_of_another_origin_is_not_let_in(gateway: GatewayProcess, origin: str, transport: str) -> None:
    """Not even with the visitor's cookie, which the browser sends along."""
    headers = {"Origin": origin, "Cookie": f"otto_session={credential('right')}"}
    recorder = Recorder()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await recorder.connect(gateway.url, headers=headers, transports=[transport])
    await recorder.close()
    assert not recorder.events
