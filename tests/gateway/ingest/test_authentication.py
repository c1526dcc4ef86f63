"""Who may write, over a real channel."""

import time
from typing import Any

import grpc
import pytest
from otto.logs.v1 import logs_pb2

from gateway.errors import ApiError
from gateway.ingest import producer_stream
from gateway.ingest.authentication import AuthorizationCache, bearer_token
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.tokens import WordAuthenticator, WordPrincipal
from tests.support.watched_journal import WatchedJournal


def test_the_token_is_behind_bearer() -> None:
    """The scheme is read in any case; no authorization is no token."""
    assert bearer_token([("x", "y"), ("authorization", "bearer  abc ")]) == "abc"
    assert bearer_token([]) is None


@pytest.mark.parametrize("value", ["Basic abc", "Bearer", "Bearer  ", "abc"])
def test_another_scheme_is_refused(value: str) -> None:
    """What is no bearer token is told so, and not treated as none."""
    with pytest.raises(ApiError, match="Bearer <token>"):
        bearer_token([("authorization", value)])


def test_each_task_is_asked_for_once() -> None:
    """The principal is asked once for each task of a stream."""
    principal = WordPrincipal()
    authorization = AuthorizationCache(principal)
    for task_id in ("a", "b", "a", "a"):
        authorization.check_task(task_id)
    authorization.check_pipeline("a")
    assert principal.asked == ["a", "b", "a"]


@pytest.mark.parametrize("producer_type", [NativeProducer, OttoProducer])
async def test_a_stream_without_a_good_token_is_refused(serve: Any, producer_type: Any) -> None:
    """UNAUTHENTICATED, before anything is taken."""
    server, channel = await serve(authenticator=WordAuthenticator(good=WordPrincipal()))
    for token in ("bad", None):
        code, _ = await producer_type(channel, token=token).ended()
        assert code is grpc.StatusCode.UNAUTHENTICATED
    assert server.statistics.refused == {"authentication": 2}


async def test_a_task_that_the_token_does_not_cover(serve: Any, journal: WatchedJournal) -> None:
    """The stream ends with PERMISSION_DENIED; what came before is stored and acknowledged, the rest was not taken."""
    _, channel = await serve(authenticator=WordAuthenticator(good=WordPrincipal(tasks=frozenset({"mine"}))))
    producer = NativeProducer(channel, "good")
    await producer.hello()
    await producer.send(lines_request(1, ["a"], task_id="mine"))
    await producer.send(lines_request(2, ["b"], task_id="yours"))
    await producer.acknowledged(1)
    code, details = await producer.ended()
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "'yours'" in details
    assert (await NativeProducer(channel, "good").hello()).acknowledged_number == 1
    assert await journal.entries("yours") == []


async def test_a_pipeline_that_the_token_does_not_cover(serve: Any) -> None:
    """Progress needs the pipeline's permission."""
    _, channel = await serve(authenticator=WordAuthenticator(good=WordPrincipal(pipelines=frozenset())))
    producer = NativeProducer(channel, "good")
    await producer.hello()
    progress = logs_pb2.StageProgress(pipeline_id="p", stage_id="s", status=logs_pb2.STAGE_STATUS_RUNNING)
    await producer.send(logs_pb2.PublishRequest(number=1, stage_progress=progress))
    assert (await producer.ended())[0] is grpc.StatusCode.PERMISSION_DENIED


async def test_the_stream_ends_with_its_token(
    serve: Any, journal: WatchedJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the token expires, what was taken is acknowledged and the stream ends with UNAUTHENTICATED."""
    monkeypatch.setattr(producer_stream, "EXPIRY_CHECK_SECONDS_MAX", 0.01)
    principal = WordPrincipal(expires_at=time.time() + 3600)
    _, channel = await serve(authenticator=WordAuthenticator(good=principal))
    native, otto = NativeProducer(channel, "good"), OttoProducer(channel, token="good")
    await native.hello()
    await native.send(lines_request(1, ["a"]))
    await native.acknowledged(1)
    await otto.say("b")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    for producer in (native, otto):
        code, details = await producer.ended()
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert "expired" in details
    assert len(await journal.entries("t")) == 2
