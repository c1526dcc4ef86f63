"""Subscriptions to logs over real sockets: what they start with, what is refused, their filters, their end."""

from typing import Any

import pytest

from gateway.transports.socket_io.server import SocketIoLimits
from sessions.close_reasons import CloseReason
from sessions.session import Session
from tests.gateway.transports.conftest import Connect, MakeGateway
from tests.support.gateway_server import GatewayServer
from tests.support.scripted_history import block

TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "polling"])


@TRANSPORTS
async def test_a_subscriber_gets_stored_and_live_lines_in_order(
    gateway: GatewayServer, connect: Connect, transport: str
) -> None:
    """The stream starts at the first line and continues with new ones, as the stored JSON."""
    gateway.commit(block(1, 50))
    client = await connect(gateway, transports=[transport])
    answer = await client.call("subscribe-to-logs", {"taskId": "build"})
    assert answer == client.named("subscription_success")[0]
    assert (answer["event"], answer["taskId"], answer["filter"]) == ("subscribe-to-logs", "build", {})
    assert answer["timestamp"].endswith("Z")
    for first in range(51, 151, 10):
        gateway.commit(block(first, first + 9))
    await client.wait(lambda c: len(c.sequences) == 150)
    assert client.sequences == list(range(1, 151))
    names = [name for name, _ in client.events]
    assert names.index("subscription_success") < names.index("log-entry")
    assert client.named("log-entry")[0] == {
        "taskId": "build",
        "workerId": "worker-1",
        "sequence": 1,
        "timestamp": "2026-01-01T00:00:00.000000000Z",
        "level": "INFO",
        "source": "stdout",
        "message": "line 1",
    }


@TRANSPORTS
async def test_a_batch_subscription_gets_arrays(gateway: GatewayServer, connect: Connect, transport: str) -> None:
    """With ``batch`` a run of lines is one event."""
    gateway.commit(block(1, 100))
    client = await connect(gateway, transports=[transport])
    await client.call("subscribe-to-logs", {"taskId": "build", "batch": True})
    await client.wait(lambda c: len(c.sequences) == 100)
    assert client.sequences == list(range(1, 101))
    assert not client.named("log-entry")
    assert len(client.named("log-entries")) < 5


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"after": 3}, [4, 5]),
        ({"after": "3"}, [4, 5]),
        ({"after": "0123abcd-3"}, [4, 5]),
        ({"after": "ffffffff-3"}, [1, 2, 3, 4, 5]),
        ({"tail": 2}, [4, 5]),
        ({"tail": 0}, []),
        ({"tail": 4, "after": 3}, [4, 5]),
        ({"tail": None, "after": None, "filter": None, "batch": None}, [1, 2, 3, 4, 5]),
        ({"after": 7}, None),
    ],
)
async def test_where_a_subscription_starts(
    gateway: GatewayServer, connect: Connect, start: dict[str, Any], expected: list[int] | None
) -> None:
    """It starts at the first line, after ``after``, or with the last ``tail`` lines; then everything new follows."""
    gateway.commit(block(1, 5))
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build", **start})
    await client.call("get-server-stats")
    gateway.commit(block(6, 10))
    last = [8, 9, 10] if expected is None else [*expected, 6, 7, 8, 9, 10]
    await client.wait(lambda c: c.sequences[-1:] == [10])
    assert client.sequences == last


async def test_a_filter_is_applied_and_answered_in_its_normal_form(gateway: GatewayServer, connect: Connect) -> None:
    """Lists are sorted, levels in capitals, keywords folded."""
    gateway.commit(block(1, 3), block(4, 4, level="ERROR"), block(5, 5, level="ERROR", message="Disk FULL"))
    client = await connect(gateway)
    wanted = {"levels": ["error", "WARNING"], "keywords": ["FULL"]}
    answer = await client.call("subscribe-to-logs", {"taskId": "build", "filter": wanted})
    assert answer["filter"] == {"levels": ["WARN", "ERROR"], "keywords": ["full"]}
    await client.wait(lambda c: c.sequences == [5])


BAD_SUBSCRIPTIONS = [
    (None, None),
    ("build", None),
    ([], None),
    ({}, "taskId"),
    ({"taskId": 7}, "taskId"),
    ({"taskId": ""}, "taskId"),
    ({"taskId": "a\nb"}, "taskId"),
    ({"taskId": "x" * 257}, "taskId"),
    ({"taskId": "\ud800"}, "taskId"),
    ({"taskId": "t", "filter": []}, "filter"),
    ({"taskId": "t", "filter": {"levels": ["LOUD"]}}, "filter.levels[0]"),
    ({"taskId": "t", "filter": {"colour": "red"}}, "filter.colour"),
    ({"taskId": "t", "filter": {"startTime": "yesterday"}}, "filter.startTime"),
    ({"taskId": "t", "after": -1}, "after"),
    ({"taskId": "t", "after": True}, "after"),
    ({"taskId": "t", "after": 1.5}, "after"),
    ({"taskId": "t", "after": 10**18}, "after"),
    ({"taskId": "t", "after": "soon"}, "after"),
    ({"taskId": "t", "after": [1]}, "after"),
    ({"taskId": "t", "tail": -1}, "tail"),
    ({"taskId": "t", "tail": "5"}, "tail"),
    ({"taskId": "t", "tail": False}, "tail"),
    ({"taskId": "t", "tail": 10**12}, "tail"),
    ({"taskId": "t", "batch": "yes"}, "batch"),
]


async def test_a_wrong_subscription_is_refused_with_its_field(gateway: GatewayServer, connect: Connect) -> None:
    """The answer by name and the callback's are the same: event, task, code, message, field."""
    client = await connect(gateway)
    for payload, field in BAD_SUBSCRIPTIONS:
        answer = await client.call("subscribe-to-logs", payload)
        assert answer == client.named("subscription_error")[-1]
        assert (answer["event"], answer["code"], answer.get("field")) == (
            "subscribe-to-logs",
            "INVALID_ARGUMENT",
            field,
        ), payload
        if isinstance(payload, dict) and payload.get("taskId") == "t":
            assert answer["taskId"] == "t"
    assert not gateway.hub.sessions


async def test_a_second_subscription_to_a_task_is_refused(gateway: GatewayServer, connect: Connect) -> None:
    """It would double every line; the first one continues."""
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build"})
    answer = await client.call("subscribe-to-logs", {"taskId": "build", "tail": 0})
    assert (answer["code"], answer["field"]) == ("INVALID_ARGUMENT", "taskId")
    gateway.commit(block(1, 2))
    await client.wait(lambda c: c.sequences == [1, 2])


async def test_one_socket_holds_many_subscriptions_up_to_the_limit(
    start_gateway: MakeGateway, connect: Connect
) -> None:
    """Tasks and pipelines count together."""
    gateway = await start_gateway(socket_io_limits=SocketIoLimits(subscriptions_max=3))
    client = await connect(gateway)
    for task in ("one", "two"):
        await client.call("subscribe-to-logs", {"taskId": task})
    await client.call("subscribe-to-pipeline", {"pipelineId": "p"})
    assert (await client.call("subscribe-to-logs", {"taskId": "three"}))["code"] == "RESOURCE_EXHAUSTED"
    assert (await client.call("subscribe-to-pipeline", {"pipelineId": "q"}))["code"] == "RESOURCE_EXHAUSTED"
    gateway.commit(block(1, 3, task="one"), block(1, 2, task="two"))
    await client.wait(lambda c: len(c.sequences) == 5)
    by_task = {
        task: [e["sequence"] for e in client.named("log-entry") if e["taskId"] == task] for task in ("one", "two")
    }
    assert by_task == {"one": [1, 2, 3], "two": [1, 2]}
    await client.call("unsubscribe-from-logs", {"taskId": "one"})
    assert "code" not in await client.call("subscribe-to-logs", {"taskId": "three"})


async def test_nothing_arrives_after_unsubscribing(gateway: GatewayServer, connect: Connect) -> None:
    """Another subscription of the same socket is not touched by it."""
    client = await connect(gateway)
    for task in ("one", "two"):
        await client.call("subscribe-to-logs", {"taskId": task})
    answer = await client.call("unsubscribe-from-logs", {"taskId": "one"})
    assert answer == client.named("unsubscription_success")[0]
    assert (answer["event"], answer["taskId"]) == ("unsubscribe-from-logs", "one")
    gateway.commit(block(1, 3, task="one"), block(1, 1, task="two"))
    await client.wait(lambda c: c.sequences)
    assert [entry["taskId"] for entry in client.named("log-entry")] == ["two"]
    assert [session.subscription.task_id for session in gateway.hub.sessions] == ["two"]


@pytest.mark.parametrize(
    ("payload", "code", "field"),
    [
        ({"taskId": "other"}, "NOT_FOUND", "taskId"),
        ({}, "INVALID_ARGUMENT", "taskId"),
        (None, "INVALID_ARGUMENT", None),
        ("build", "INVALID_ARGUMENT", None),
    ],
)
async def test_a_wrong_unsubscription_is_refused(
    gateway: GatewayServer, connect: Connect, payload: Any, code: str, field: str | None
) -> None:
    """Also for a task that is not subscribed."""
    client = await connect(gateway)
    answer = await client.call("unsubscribe-from-logs", payload)
    assert answer == client.named("unsubscription_error")[0]
    assert (answer["event"], answer["code"], answer.get("field")) == ("unsubscribe-from-logs", code, field)


async def test_a_new_filter_takes_over_without_losing_or_repeating_a_line(
    gateway: GatewayServer, connect: Connect
) -> None:
    """The lines before the answer are the old filter's, those after it the new one's."""
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build", "filter": {"levels": ["ERROR"]}})
    gateway.commit(block(1, 2), block(3, 3, level="ERROR"))
    await client.wait(lambda c: c.sequences == [3])
    answer = await client.call("update-log-filter", {"taskId": "build", "filter": {"levels": ["info"]}})
    assert answer == client.named("filter_update_success")[0]
    assert (answer["event"], answer["taskId"], answer["filter"]) == ("update-log-filter", "build", {"levels": ["INFO"]})
    gateway.commit(block(4, 4, level="ERROR"), block(5, 6))
    await client.wait(lambda c: c.sequences == [3, 5, 6])
    assert "code" not in await client.call("update-log-filter", {"taskId": "build", "filter": {}})
    gateway.commit(block(7, 7, level="ERROR"), block(8, 8))
    await client.wait(lambda c: c.sequences == [3, 5, 6, 7, 8])


@pytest.mark.parametrize(
    ("payload", "code", "field"),
    [
        ({"taskId": "other", "filter": {}}, "NOT_FOUND", "taskId"),
        ({"taskId": "build"}, "INVALID_ARGUMENT", "filter"),
        ({"taskId": "build", "filter": {"levels": [3]}}, "INVALID_ARGUMENT", "filter.levels[0]"),
        ({"filter": {}}, "INVALID_ARGUMENT", "taskId"),
        (7, "INVALID_ARGUMENT", None),
    ],
)
async def test_a_wrong_filter_update_is_refused(
    gateway: GatewayServer, connect: Connect, payload: Any, code: str, field: str | None
) -> None:
    """The old filter stays."""
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build"})
    answer = await client.call("update-log-filter", payload)
    assert answer == client.named("filter_update_error")[0]
    assert (answer["event"], answer["code"], answer.get("field")) == ("update-log-filter", code, field)
    gateway.commit(block(1, 1))
    await client.wait(lambda c: c.sequences == [1])


async def test_an_error_behind_an_answer_costs_neither_the_connection_nor_other_subscriptions(
    gateway: GatewayServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is told by the event for failures, and its other tasks continue."""
    client = await connect(gateway)
    for task in ("build", "test"):
        await client.call("subscribe-to-logs", {"taskId": task})
    monkeypatch.setattr(Session, "change_filter", lambda self, log_filter: 1 / 0)
    await client.call("update-log-filter", {"taskId": "build", "filter": {"levels": ["INFO"]}})
    assert (await client.wait_for("filter_update_error"))["code"] == "INTERNAL"
    gateway.commit(block(1, 2, task="test"))
    await client.wait(lambda c: c.sequences == [1, 2])


async def test_the_end_of_a_task_is_announced_behind_its_last_line(gateway: GatewayServer, connect: Connect) -> None:
    """The subscription is over with it; the socket stays."""
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build"})
    gateway.commit(block(1, 3))
    gateway.end("build", "FAILED")
    complete = await client.wait_for("log-complete")
    assert complete == {
        "taskId": "build",
        "status": "FAILED",
        "timestamp": "2026-01-01T00:01:00Z",
        "lastSequence": 3,
        "message": "The task has ended, and every line of it was sent.",
        "position": "0123abcd-3.end",
    }
    assert [name for name, _ in client.events][-4:] == ["log-entry"] * 3 + ["log-complete"]
    assert (await client.call("unsubscribe-from-logs", {"taskId": "build"}))["code"] == "NOT_FOUND"


async def test_lines_that_no_longer_exist_are_announced(gateway: GatewayServer, connect: Connect) -> None:
    """A gap says from where to where."""
    gateway.commit(block(1, 5))
    gateway.history.first = 4
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build"})
    await client.wait(lambda c: c.sequences == [4, 5])
    assert client.named("log-gap") == [{"taskId": "build", "from": 1, "to": 3, "reason": "retention"}]


async def test_a_subscription_that_the_gateway_ends_is_taken_back(gateway: GatewayServer, connect: Connect) -> None:
    """The client hears it as ``subscription_error``, and may subscribe again."""
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build"})
    gateway.hub.sessions[0].close(CloseReason.STORAGE_UNAVAILABLE)
    error = await client.wait_for("subscription_error")
    assert (error["event"], error["taskId"], error["code"]) == ("subscribe-to-logs", "build", "STORAGE_UNAVAILABLE")
    assert "code" not in await client.call("subscribe-to-logs", {"taskId": "build"})
