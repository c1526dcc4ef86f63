"""Every event of the table, good and bad, over real sockets with the library's client."""

import time
from typing import Any

import pytest
from socketio.exceptions import ConnectionError as Refused

from gateway.transports.socket_io import subscriber
from sessions.close_reasons import CloseReason
from sessions.limits import Limits
from tests.gateway.transports.conftest import Connect, MakeGateway
from tests.support.gateway_server import GatewayServer, Principal
from tests.support.scripted_history import block
from tests.support.socket_io_client import Recorder

TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "polling"])


async def test_a_client_is_greeted_once(gateway: GatewayServer, connect: Connect) -> None:
    """After it has connected, a client is told its session, the time, and what the gateway can do."""
    client = await connect(gateway)
    greeting = await client.wait_for("connected")
    assert greeting.keys() == {"sessionId", "message", "timestamp", "features"}
    assert "batch" in greeting["features"]
    assert len(client.named("connected")) == 1


async def test_a_pipeline_is_watched_from_its_current_state(gateway: GatewayServer, connect: Connect) -> None:
    """The state of every stage first, then transitions, until it is unsubscribed."""
    gateway.progress("p", "compile", b'{"stageId":"compile","status":"COMPLETED"}')
    gateway.progress("p", "test", b'{"stageId":"test","status":"RUNNING"}')
    client = await connect(gateway)
    answer = await client.call("subscribe-to-pipeline", {"pipelineId": "p"})
    assert answer == client.named("subscription_success")[0]
    assert (answer["event"], answer["pipelineId"]) == ("subscribe-to-pipeline", "p")
    await client.wait(lambda c: len(c.named("pipeline-progress")) == 2)
    gateway.progress("p", "test", b'{"stageId":"test","status":"FAILED"}')
    await client.wait(lambda c: len(c.named("pipeline-progress")) == 3)
    assert [p["status"] for p in client.named("pipeline-progress")] == ["COMPLETED", "RUNNING", "FAILED"]
    answer = await client.call("unsubscribe-from-pipeline", {"pipelineId": "p"})
    assert answer == client.named("unsubscription_success")[0]
    assert (answer["event"], answer["pipelineId"]) == ("unsubscribe-from-pipeline", "p")
    gateway.progress("p", "deploy")
    await client.call("get-server-stats")
    assert len(client.named("pipeline-progress")) == 3
    assert gateway.hub.admission.active == 0


async def test_a_success_has_a_message_and_a_room(gateway: GatewayServer, connect: Connect) -> None:
    """As in the older system: ``task:<id>``, and the same for pipelines."""
    client = await connect(gateway)
    for payload, room in (({"taskId": "build"}, "task:build"), ({"pipelineId": "p"}, "pipeline:p")):
        what = "logs" if "taskId" in payload else "pipeline"
        for event in (f"subscribe-to-{what}", f"unsubscribe-from-{what}"):
            answer = await client.call(event, payload)
            assert (answer["roomName"], bool(answer["message"])) == (room, True)


@pytest.mark.parametrize("event", ["subscribe-to-pipeline", "unsubscribe-from-pipeline"])
@pytest.mark.parametrize("payload", [None, {}, {"pipelineId": 1}, {"pipelineId": "\x00"}, ["p"]])
async def test_a_wrong_pipeline_is_refused(gateway: GatewayServer, connect: Connect, event: str, payload: Any) -> None:
    """As for tasks."""
    client = await connect(gateway)
    answer = await client.call(event, payload)
    name = "subscription_error" if event == "subscribe-to-pipeline" else "unsubscription_error"
    assert answer == client.named(name)[0]
    assert (answer["event"], answer["code"]) == (event, "INVALID_ARGUMENT")


async def test_pipelines_are_subscribed_once(gateway: GatewayServer, connect: Connect) -> None:
    """Twice is refused; so is leaving one that is not watched."""
    client = await connect(gateway)
    await client.call("subscribe-to-pipeline", {"pipelineId": "p"})
    assert (await client.call("subscribe-to-pipeline", {"pipelineId": "p"}))["field"] == "pipelineId"
    assert (await client.call("unsubscribe-from-pipeline", {"pipelineId": "q"}))["code"] == "NOT_FOUND"


async def test_server_stats_are_answered(gateway: GatewayServer, connect: Connect) -> None:
    """With the numbers that the health page has."""
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build"})
    answer = await client.call("get-server-stats")
    assert answer == client.named("server-stats")[0]
    assert answer["event"] == "get-server-stats"
    assert (answer["activeConnections"], answer["connectedClients"]) == (1, 1)


async def test_an_error_of_ours_is_answered_too(
    start_gateway: MakeGateway, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client gets INTERNAL and no traceback; the socket stays."""
    gateway = await start_gateway()

    def fail() -> Any:
        raise ZeroDivisionError("secret")

    client = await connect(gateway)
    request = ("server-stats", "stats_error", lambda *_: fail())
    monkeypatch.setattr(subscriber, "REQUESTS", {"get-server-stats": request})
    answer = await client.call("get-server-stats")
    assert answer == client.named("stats_error")[0]
    assert answer["code"] == "INTERNAL"
    assert "secret" not in str(answer)


@pytest.mark.parametrize("name", ["subscribe", "message", "connected", "log-entry", "__class__", ""])
async def test_an_unknown_event_is_answered(gateway: GatewayServer, connect: Connect, name: str) -> None:
    """Nobody waits for an answer that never comes."""
    client = await connect(gateway)
    answer = await client.call(name, {"taskId": "build"})
    assert answer == client.named("request_error")[0]
    assert (answer["event"], answer["code"], answer["taskId"]) == (name, "INVALID_ARGUMENT", "build")


async def test_more_sessions_than_allowed_are_refused(start_gateway: MakeGateway, connect: Connect) -> None:
    """Log streams and pipelines share the limit."""
    gateway = await start_gateway(limits=Limits(sessions_max=2))
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "one"})
    await client.call("subscribe-to-pipeline", {"pipelineId": "p"})
    assert (await client.call("subscribe-to-logs", {"taskId": "two"}))["code"] == "SERVER_FULL"
    assert (await client.call("subscribe-to-pipeline", {"pipelineId": "q"}))["code"] == "SERVER_FULL"


async def test_sessions_end_with_their_socket(gateway: GatewayServer, connect: Connect) -> None:
    """Nothing of a client stays behind."""
    client = await connect(gateway)
    await client.call("subscribe-to-logs", {"taskId": "build"})
    await client.call("subscribe-to-pipeline", {"pipelineId": "p"})
    session = gateway.hub.sessions[0]
    await client.close()
    assert await session.wait_closed() is CloseReason.CLIENT_GONE
    assert gateway.socket_io.statistics.clients == 0
    assert gateway.hub.admission.active == 0


async def test_a_token_is_needed_where_there_are_credentials(gateway: GatewayServer) -> None:
    """The refusal carries code and message as data."""
    gateway.tokens.principals["good"] = Principal()
    for auth in (None, {}, {"token": "bad"}, {"token": ""}):
        client = Recorder()
        with pytest.raises(Refused):
            await client.connect(gateway.url, auth=auth)
        assert client.refusal["data"]["code"] == "UNAUTHENTICATED"
        assert client.refusal["message"] == client.refusal["data"]["message"]
        await client.close()
    assert gateway.socket_io.statistics.clients == 0


@pytest.mark.parametrize("auth", ["good", {"token": 5}, ["good"]])
async def test_credentials_of_a_wrong_shape_are_refused(gateway: GatewayServer, auth: Any) -> None:
    """The refusal says what ``auth`` should look like."""
    client = Recorder()
    with pytest.raises(Refused):
        await client.connect(gateway.url, auth=auth)
    assert client.refusal["data"]["code"] == "INVALID_ARGUMENT"
    await client.close()


@TRANSPORTS
@pytest.mark.parametrize(
    "credentials",
    [
        {"auth": {"token": "good"}},
        {"headers": {"Authorization": "Bearer good"}},
        {"headers": {"Cookie": "otto_session=good"}},
    ],
)
async def test_a_token_comes_with_the_connect_or_the_handshake(
    gateway: GatewayServer, connect: Connect, transport: str, credentials: dict[str, Any]
) -> None:
    """As ``auth``, as a bearer header or as the cookie."""
    gateway.tokens.principals["good"] = Principal()
    client = await connect(gateway, transports=[transport], **credentials)
    assert "code" not in await client.call("subscribe-to-logs", {"taskId": "build"})


async def test_a_token_limits_what_is_watched(gateway: GatewayServer, connect: Connect) -> None:
    """Another task or pipeline is PERMISSION_DENIED."""
    gateway.tokens.principals["narrow"] = Principal(tasks=frozenset({"mine"}))
    client = await connect(gateway, auth={"token": "narrow"})
    assert "code" not in await client.call("subscribe-to-logs", {"taskId": "mine"})
    assert (await client.call("subscribe-to-logs", {"taskId": "yours"}))["code"] == "PERMISSION_DENIED"
    assert (await client.call("subscribe-to-pipeline", {"pipelineId": "yours"}))["code"] == "PERMISSION_DENIED"


async def test_a_client_is_sent_away_when_its_token_expires(
    gateway: GatewayServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hears why, for each subscription and for the socket."""
    monkeypatch.setattr(subscriber, "EXPIRY_CHECK_SECONDS_MAX", 0.01)
    gateway.tokens.principals["short"] = Principal(expires_at=time.time() + 3600)
    client = await connect(gateway, auth={"token": "short"})
    await client.call("subscribe-to-logs", {"taskId": "build"})
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    await client.wait(lambda c: c.is_disconnected.is_set())
    assert client.named("subscription_error")[0]["code"] == "TOKEN_EXPIRED"
    assert client.named("closing")[0]["code"] == "TOKEN_EXPIRED"
    assert gateway.hub.admission.active == 0


@TRANSPORTS
async def test_clients_are_told_of_a_shutdown(start_gateway: MakeGateway, connect: Connect, transport: str) -> None:
    """They get every line that was handed to them, then the reason, and are to come back."""
    gateway = await start_gateway()
    gateway.commit(block(1, 30))
    client = await connect(gateway, transports=[transport])
    await client.call("subscribe-to-logs", {"taskId": "build"})
    await client.wait(lambda c: len(c.sequences) == 30)
    await gateway.hub.close()
    await gateway.socket_io.close()
    await client.wait(lambda c: c.is_disconnected.is_set())
    assert client.named("subscription_error")[0]["code"] == "SERVER_SHUTDOWN"
    assert client.named("closing")[0]["mayReconnect"] is True
    late = Recorder()
    with pytest.raises(Refused):
        await late.connect(gateway.url)
    await late.close()
