"""The server's own life: listening, health, reflection, TLS, stopping."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from gateway.http.sockets import ListenError
from gateway.ingest.limits import IngestLimits
from gateway.ingest.server import GrpcServer
from gateway.ingest.tls import Tls
from tests.support.certificates import Authority
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.tokens import WordAuthenticator
from tests.support.watched_journal import WatchedJournal


async def test_a_taken_port_is_one_clear_sentence(journal: WatchedJournal) -> None:
    """The error names the port and what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = GrpcServer(journal, WordAuthenticator(), port=port)
        with pytest.raises(ListenError, match=f"^port {port} of 127.0.0.1 is taken by another program; .*GRPC_PORT"):
            await server.start()


async def test_two_servers_do_not_share_a_port(serve: Any, journal: WatchedJournal) -> None:
    """A second gateway on the same port is told so."""
    first, _ = await serve()
    with pytest.raises(ListenError, match="is taken"):
        await GrpcServer(journal, WordAuthenticator(), port=first.port).start()


@pytest.mark.parametrize(
    ("host", "text"), [("192.0.2.1", "not an address of this machine"), ("no.such.invalid", "neither an address")]
)
async def test_an_address_that_is_not_ours(journal: WatchedJournal, host: str, text: str) -> None:
    """The error says what is wrong with the host."""
    with pytest.raises(ListenError, match=text):
        await GrpcServer(journal, WordAuthenticator(), host=host, port=0).start()


async def test_health_is_set_from_outside(serve: Any) -> None:
    """SERVING after the start, NOT_SERVING when the gateway says so, for the server and each service."""
    server, channel = await serve()
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "otto.logs.v1.LogIngestService", "ottoscaler.v1.OttoHandlerLogService"):
        request = health_pb2.HealthCheckRequest(service=service)
        assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
        await server.set_serving(False)
        assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await server.set_serving(True)


async def test_reflection_lists_the_services(channel: grpc.aio.Channel) -> None:
    """A tool that knows nothing can list and describe both wires."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    (response,) = [response async for response in call]
    names = {service.name for service in response.list_services_response.service}
    assert {
        "otto.logs.v1.LogIngestService",
        "ottoscaler.v1.LogStreamingService",
        "ottoscaler.v1.OttoHandlerLogService",
        "grpc.health.v1.Health",
    } <= names


async def test_stopping_answers_what_was_taken(serve: Any, journal: WatchedJournal) -> None:
    """Open streams get their acknowledgements, then UNAVAILABLE and when to come back; nobody waits for the grace."""
    server, channel = await serve()
    native, otto = NativeProducer(channel), OttoProducer(channel)
    await native.hello()
    await otto.say("a")
    await native.send(lines_request(1, ["b"]))
    await native.acknowledged(1)
    await server.stop(60)
    for producer in (native, otto):
        code, details = await producer.ended()
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "shutting down" in details
        trailing = dict(await producer.call.trailing_metadata() or ())
        assert 500 <= int(trailing["grpc-retry-pushback-ms"]) <= 3_000
    await server.stop(60)


async def test_stopping_waits_for_commits(serve: Any, journal: WatchedJournal) -> None:
    """What waits for its commit when the server stops is acknowledged before the stream ends."""
    server, channel = await serve()
    producer = NativeProducer(channel)
    await producer.hello()
    journal.hold()
    await producer.send(lines_request(1, ["a"]))
    await journal.until(lambda: bool(journal.appended))
    stopping = asyncio.create_task(server.stop(30))
    await asyncio.sleep(0)
    journal.release()
    await producer.acknowledged(1)
    await stopping


async def test_a_stuck_stream_is_cut_off(serve: Any, journal: WatchedJournal) -> None:
    """A stream whose commit never comes does not hold up the stop beyond its limit."""
    server, channel = await serve(IngestLimits(settle_seconds_max=0.05))
    producer = NativeProducer(channel)
    await producer.hello()
    journal.hold()
    await producer.send(lines_request(1, ["a"]))
    await journal.until(lambda: bool(journal.appended))
    await server.stop(30)
    assert server.statistics.streams == {"native": 0}


async def test_an_error_of_our_own_is_internal(serve: Any, journal: WatchedJournal, monkeypatch: Any) -> None:
    """An unforeseen error ends the RPC with INTERNAL and tells nothing of itself."""
    _, channel = await serve()

    def broken(_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(journal, "append", broken)
    producer = OttoProducer(channel)
    await producer.send("a")
    code, details = await producer.ended()
    assert code is grpc.StatusCode.INTERNAL
    assert "secret" not in details


async def test_a_client_without_a_certificate_is_refused_where_one_is_needed(
    serve: Any, journal: WatchedJournal, tmp_path: Path
) -> None:
    """With a client authority, only clients with its certificate get in."""
    authority = Authority(tmp_path)
    server_files, client_files = authority.issue("localhost"), authority.issue("worker")
    server, plain = await serve(tls=Tls.from_files(*server_files, authority.certificate))
    target = f"localhost:{server.port}"
    roots = authority.certificate.read_bytes()

    def secure(*pair: bytes) -> grpc.aio.Channel:
        key, chain = pair or (None, None)
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(roots, key, chain))

    certificate, key = (path.read_bytes() for path in client_files)
    async with secure(key, certificate) as known, secure() as unknown:
        assert (await OttoProducer(known).say("a")).sequence == 1
        assert (await OttoProducer(unknown).ended())[0] is grpc.StatusCode.UNAVAILABLE
    assert (await OttoProducer(plain).ended())[0] is grpc.StatusCode.UNAVAILABLE


def test_tls_files_that_are_none(tmp_path: Path) -> None:
    """A missing file and one that is no PEM are named."""
    (tmp_path / "x").write_text("hello")
    with pytest.raises(ListenError, match=r"cannot read .*missing"):
        Tls.from_files(tmp_path / "missing", tmp_path / "x")
    with pytest.raises(ListenError, match="x holds no PEM"):
        Tls.from_files(tmp_path / "x", tmp_path / "x")


class Recorder:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: self.calls.append((name, *values))


async def test_the_observer_hears_of_every_group(serve: Any) -> None:
    """Lines and bytes by dialect, refusals by reason."""
    recorder = Recorder()
    _, channel = await serve(observer=recorder)
    await OttoProducer(channel).say("a")
    await OttoProducer(channel).say("a", task_id="")
    assert [call[:3] for call in recorder.calls] == [("received", "otto", 1), ("refused", "otto", "field")]
