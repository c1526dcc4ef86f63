"""Signed tokens over a real gRPC channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.auth import AuthSettings, TokenAuthenticator
from gateway.ingest.server import GrpcServer
from storage.journal.sqlite import SqliteJournal
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.signed_tokens import SECRET, make_token

WRITER = ["logs:write"]


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    journal = await SqliteJournal.open(tmp_path / "journal.db", durability="process")
    server = GrpcServer(journal, TokenAuthenticator(AuthSettings(jwt_secret=SECRET)), port=0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{await server.start()}") as channel:
        yield channel
    await server.stop(0.5)
    await journal.close()


async def test_a_writer_is_let_in(channel: grpc.aio.Channel) -> None:
    """A token with ``logs:write`` for the task stores lines."""
    producer = NativeProducer(channel, make_token(scopes=WRITER, tasks=["t*"]))
    await producer.hello()
    await producer.send(lines_request(1, ["a line"], task_id="task"))
    await producer.acknowledged(1)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED),
        ("garbage", grpc.StatusCode.UNAUTHENTICATED),
        (make_token(scopes=WRITER, expires_in=-60), grpc.StatusCode.UNAUTHENTICATED),
        (make_token(scopes=WRITER, key="another secret of at least 32 bytes"), grpc.StatusCode.UNAUTHENTICATED),
        (make_token(scopes=WRITER, algorithm="none"), grpc.StatusCode.UNAUTHENTICATED),
        (make_token(scopes=["logs:read"]), grpc.StatusCode.PERMISSION_DENIED),
        (make_token(scopes=WRITER, tasks=["other-*"]), grpc.StatusCode.PERMISSION_DENIED),
    ],
    ids=["none", "garbage", "expired", "other key", "alg none", "other scope", "other task"],
)
@pytest.mark.parametrize("producer_type", [NativeProducer, OttoProducer])
async def test_others_are_not(
    channel: grpc.aio.Channel, producer_type: Any, token: str | None, code: grpc.StatusCode
) -> None:
    """Both wires answer with the same status, and without the token."""
    producer = producer_type(channel, token=token)
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it may be refused before it has written
        if isinstance(producer, OttoProducer):
            await producer.send("a line")
        elif code is grpc.StatusCode.PERMISSION_DENIED:
            await producer.hello()
            await producer.send(lines_request(1, ["a line"], task_id="task"))
    ended, details = await producer.ended()
    assert ended is code
    assert token is None or token not in details
