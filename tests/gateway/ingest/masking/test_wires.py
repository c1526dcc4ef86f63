import asyncio
from typing import Any

import grpc
import pytest
from otto.logs.v1 import logs_pb2

from gateway.ingest.masking.task_masks import TaskMasks
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.tokens import WordAuthenticator, WordPrincipal
from tests.support.waiting import WAIT_SECONDS_MAX, until
from tests.support.watched_journal import WatchedJournal

SECRET = "hunter-2-secret"


@pytest.fixture
async def channel(serve: Any, journal: WatchedJournal) -> grpc.aio.Channel:
    """To a server whose lines are held until the next one comes, however late."""
    _, channel = await serve(masks=TaskMasks(journal, hold_seconds=WAIT_SECONDS_MAX))
    return channel


def masks(*values: str, task_id: str = "t") -> logs_pb2.TaskMasks:
    return logs_pb2.TaskMasks(task_id=task_id, values=values)


def hello(*named: logs_pb2.TaskMasks) -> logs_pb2.PublishRequest:
    return logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id="p"), masks=named)


async def stored(journal: WatchedJournal) -> list[str]:
    return [entry.message for entry in await journal.entries("t")]


async def test_a_hello_names_secrets(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """They are masked in what follows, over requests too; of what cannot be masked the answer tells, without it."""
    producer = NativeProducer(channel)
    await producer.send(hello(masks(SECRET, "12345")))
    (problem,) = (await producer.read()).problems
    assert (problem.field, problem.message) == (
        "masks.values",
        "value 1 of a task is not masked: it has fewer than 6 characters",
    )
    await producer.send(lines_request(1, [f"a {SECRET}", "b hunter"]))
    await producer.send(lines_request(2, ["-2-secret c"]))
    await producer.acknowledged(2)
    assert await stored(journal) == ["a ***", "b ***", "*** c"]


async def test_a_request_names_secrets_before_its_lines(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """What was sent behind it waits for them."""
    producer = NativeProducer(channel)
    await producer.hello()
    first = lines_request(1, [SECRET])
    first.masks.append(masks(SECRET))
    await producer.send(first)
    await producer.send(lines_request(2, [SECRET]))
    await producer.acknowledged(2)
    assert await stored(journal) == ["***", "***"]


async def test_secrets_of_a_task_that_a_token_does_not_cover_are_refused(serve: Any) -> None:
    """Masking is writing."""
    _, channel = await serve(authenticator=WordAuthenticator(mine=WordPrincipal(tasks=frozenset(["t"]))))
    producer = NativeProducer(channel, "mine")
    await producer.send(hello(masks(SECRET, task_id="u")))
    assert (await producer.ended())[0] is grpc.StatusCode.PERMISSION_DENIED


async def test_lines_of_the_other_wire_are_held_and_masked(
    serve: Any, channel: grpc.aio.Channel, journal: WatchedJournal
) -> None:
    """A line that is held does not keep the next one of its stream waiting, which it waits for."""
    native = NativeProducer(channel)
    await native.send(hello(masks(SECRET)))
    await native.read()
    otto = OttoProducer(channel)
    for line in ("a hunter", "-2-sec", "ret b"):
        await otto.send(line)
    answers = [await otto.read() for _ in range(3)]
    assert [answer.sequence for answer in answers] == [1, 2, 3]
    assert await stored(journal) == ["a ***", "***", "*** b"]


async def test_what_arrived_is_stored_however_the_stream_ends(serve: Any, journal: WatchedJournal) -> None:
    """A line that is held when its producer goes away is stored, and the next stream continues after it."""
    _, channel = await serve()
    producer = NativeProducer(channel)
    await producer.send(hello(masks(SECRET)))
    await producer.read()
    await producer.send(lines_request(1, ["x hunter"]))
    await asyncio.sleep(0)
    producer.call.cancel()
    await until(lambda: len(journal.appended) == 1, "it is stored")
    again = NativeProducer(channel)
    await again.send(hello(masks(SECRET)))
    last = (await again.read()).acknowledged_number
    for number, line in ((1, "x hunter"), (2, "-2-secret y")):
        if number > last:
            await again.send(lines_request(number, [line]))
    await again.acknowledged(2)
    lines = await stored(journal)
    assert lines[0] in ("x ***", "x hunter")
    assert lines[1:] == ["*** y"]
