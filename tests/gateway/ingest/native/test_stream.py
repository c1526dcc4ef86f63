"""The native dialect over a real channel."""

from typing import Any

import grpc
import pytest
from otto.logs.v1 import logs_pb2

from gateway.ingest.limits import IngestLimits
from storage.journal.interface import StageProgress, StreamClosed, TaskEnding, WorkerReport
from tests.support.producers import NativeProducer, lines_request
from tests.support.tokens import WordAuthenticator, WordPrincipal
from tests.support.watched_journal import WatchedJournal


async def test_acknowledges_what_is_stored(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """An acknowledged request's lines are in the journal, in order."""
    producer = NativeProducer(channel)
    assert (await producer.hello()).acknowledged_number == 0
    await producer.send(lines_request(1, ["a", "b"]))
    await producer.send(lines_request(2, ["", "d"]))
    await producer.acknowledged(2)
    assert [(entry.sequence, entry.message) for entry in await journal.entries("t")] == [
        (1, "a"), (2, "b"), (3, ""), (4, "d"),
    ]  # fmt: skip


async def test_acknowledges_after_the_commit_only(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """What waits for its commit is not acknowledged; one response answers all that a commit stored."""
    producer = NativeProducer(channel)
    await producer.hello()
    journal.hold()
    for number in range(1, 6):
        await producer.send(lines_request(number, ["x"]))
    await journal.until(lambda: len(journal.appended) == 5)
    journal.release()
    assert (await producer.read()).acknowledged_number == 5


async def test_resumes_by_the_last_number_on_disk(serve: Any, journal: WatchedJournal) -> None:
    """A producer that comes back after a restart is told what is on disk, and what it sends again is stored once."""
    server, channel = await serve()
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(lines_request(1, ["a"]))
    await producer.acknowledged(1)
    await server.stop(1)

    _, channel = await serve()
    producer = NativeProducer(channel)
    assert (await producer.hello()).acknowledged_number == 1
    await producer.send(lines_request(1, ["a"]))
    await producer.send(lines_request(2, ["b"]))
    await producer.acknowledged(2)
    assert [entry.message for entry in await journal.entries("t")] == ["a", "b"]


async def test_a_number_that_was_sent_before_is_acknowledged_again(serve: Any, journal: WatchedJournal) -> None:
    """A request whose number is known is a duplicate: counted, acknowledged, not stored."""
    server, channel = await serve()
    producer = NativeProducer(channel)
    await producer.hello()
    for _ in range(3):
        await producer.send(lines_request(1, ["a"]))
        await producer.acknowledged(1)
    assert len(await journal.entries("t")) == 1
    assert server.statistics.duplicates == 2


async def test_a_hole_ends_the_stream_naming_the_number(channel: grpc.aio.Channel) -> None:
    """A number that leaves others out is refused, after everything before it was acknowledged."""
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(lines_request(1, ["a"]))
    await producer.send(lines_request(3, ["c"]))
    await producer.acknowledged(1)
    code, details = await producer.ended()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "`number` 3" in details
    assert "send 2 next" in details


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (lines_request(1, ["a"]), "first request must be a `hello`"),
        (logs_pb2.PublishRequest(hello=logs_pb2.Hello()), "`hello.producer_id` must be 1 to 128 bytes"),
        (logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id="x" * 129)), "not 129"),
    ],
)
async def test_needs_a_hello_first(channel: grpc.aio.Channel, request_: logs_pb2.PublishRequest, text: str) -> None:
    """A stream without a good hello ends with INVALID_ARGUMENT and says what is missing."""
    producer = NativeProducer(channel)
    await producer.send(request_)
    code, details = await producer.ended()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text in details


async def test_a_silent_stream_ends(serve: Any) -> None:
    """A producer that says nothing does not keep its place."""
    _, channel = await serve(IngestLimits(hello_seconds_max=0.05))
    code, details = await NativeProducer(channel).ended()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "hello" in details


async def test_half_close_acknowledges_all_and_ends_with_ok(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """A producer that half-closes gets its last acknowledgement, then OK; the journal hears that its tasks closed."""
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(lines_request(1, ["a"]))
    await producer.call.done_writing()
    await producer.acknowledged(1)
    assert (await producer.ended())[0] is grpc.StatusCode.OK
    assert journal.of_type(StreamClosed) == [StreamClosed("t")]


async def test_a_refused_request_uses_up_its_number(serve: Any, journal: WatchedJournal) -> None:
    """What is not valid is acknowledged with a problem and not stored, and the number is on disk all the same."""
    _, channel = await serve()
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(lines_request(1, ["a"], task_id=""))
    await producer.send(lines_request(2, ["b"], worker_id="bad\nid"))
    problems = (await producer.acknowledged(2)).problems
    assert [(problem.number, problem.field) for problem in problems] == [
        (1, "lines.task_id"), (2, "lines.worker_id"),
    ]  # fmt: skip
    assert (await NativeProducer(channel).hello()).acknowledged_number == 2
    assert await journal.entries("t") == []
    assert await journal.records(0, bytes_max=1) == []


async def test_a_batch_over_the_limit_is_refused(serve: Any, journal: WatchedJournal) -> None:
    """A request with more lines than one may have is told so."""
    server, channel = await serve(IngestLimits(batch_lines_max=2))
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(lines_request(1, ["a", "b", "c"]))
    (problem,) = (await producer.acknowledged(1)).problems
    assert "at most 2" in problem.message
    assert server.statistics.refused == {"batch": 3}


async def test_the_newer_stream_of_a_producer_wins(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """The older stream of a producer id answers what it took and ends with ABORTED; the newer one continues."""
    older, newer = NativeProducer(channel), NativeProducer(channel)
    await older.hello()
    await older.send(lines_request(1, ["a"]))
    await older.acknowledged(1)
    assert (await newer.hello()).acknowledged_number == 1
    code, details = await older.ended()
    assert (code, details) == (grpc.StatusCode.ABORTED, "a newer stream of the same producer has taken over")
    await newer.send(lines_request(2, ["b"]))
    await newer.acknowledged(2)
    assert len(await journal.entries("t")) == 2


async def test_producers_of_two_subjects_do_not_share_numbers(serve: Any) -> None:
    """The same producer id in another subject's hands is another producer."""
    authenticator = WordAuthenticator(one=WordPrincipal("one"), two=WordPrincipal("two"))
    _, channel = await serve(authenticator=authenticator)
    first = NativeProducer(channel, "one")
    await first.hello("same")
    await first.send(lines_request(1, ["a"]))
    await first.acknowledged(1)
    assert (await NativeProducer(channel, "two").hello("same")).acknowledged_number == 0
    await first.send(lines_request(2, ["b"]))
    await first.acknowledged(2)


async def test_reading_pauses_while_the_journal_is_full(serve: Any, journal: WatchedJournal) -> None:
    """Nothing is taken while the journal is not writable; credit shrinks, a pause is asked for, then all continues."""
    _, channel = await serve(IngestLimits(paused_bytes_max=0))
    producer = NativeProducer(channel)
    journal.set_writable(False)
    greeting = await producer.hello()
    assert greeting.credit_lines == IngestLimits().credit_lines_min
    assert greeting.wait_ms == IngestLimits().wait_ms_max
    await producer.send(lines_request(1, ["a"]))
    assert journal.appended == []
    journal.set_writable(True)
    response = await producer.acknowledged(1)
    assert (response.credit_lines, response.wait_ms) == (IngestLimits().inflight_lines_max, 0)


async def test_a_failing_journal_ends_the_stream_for_a_resume(
    channel: grpc.aio.Channel, journal: WatchedJournal
) -> None:
    """What was not stored is not acknowledged: the stream ends with UNAVAILABLE, and the producer resumes."""
    producer = NativeProducer(channel)
    await producer.hello()
    journal.failure = "the disk is full"
    await producer.send(lines_request(1, ["a"]))
    code, details = await producer.ended()
    assert code is grpc.StatusCode.UNAVAILABLE
    assert "the disk is full" in details
    journal.failure = ""
    again = NativeProducer(channel)
    assert (await again.hello()).acknowledged_number == 0
    await again.send(lines_request(1, ["a"]))
    await again.acknowledged(1)


async def test_reports_and_endings_reach_the_journal(channel: grpc.aio.Channel, journal: WatchedJournal) -> None:
    """Worker status, end of task and stage progress are numbered like lines."""
    producer = NativeProducer(channel)
    await producer.hello()
    status = logs_pb2.WorkerStatusReport(
        task_id="t", worker_id="w", status=logs_pb2.WORKER_STATUS_COMPLETED, time_unix_nano=1, reason="done"
    )
    ending = logs_pb2.EndOfTask(task_id="t", failed=True, reason="exit 1")
    await producer.send(logs_pb2.PublishRequest(number=1, worker_status=status))
    await producer.send(logs_pb2.PublishRequest(number=2, end_of_task=ending))
    await producer.send(
        logs_pb2.PublishRequest(
            number=3,
            stage_progress=logs_pb2.StageProgress(pipeline_id="p", stage_id="s", status=logs_pb2.STAGE_STATUS_RUNNING),
        )
    )
    await producer.acknowledged(3)
    (report,) = journal.of_type(WorkerReport)
    assert (report.status, report.timestamp, report.reason) == ("COMPLETED", "1970-01-01T00:00:00.000000001Z", "done")
    (end,) = journal.of_type(TaskEnding)
    assert (end.failed, end.reason, end.producer.number) == (True, "exit 1", 2)
    assert journal.of_type(StageProgress)[0].pipeline_id == "p"


async def test_an_item_of_the_future_is_told(channel: grpc.aio.Channel) -> None:
    """A request with nothing in it that this gateway knows is acknowledged with a problem."""
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(logs_pb2.PublishRequest(number=1))
    (problem,) = (await producer.acknowledged(1)).problems
    assert problem.field == "item"


async def test_a_second_hello_is_refused(channel: grpc.aio.Channel) -> None:
    """One stream speaks for one producer."""
    producer = NativeProducer(channel)
    await producer.hello()
    await producer.send(logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id="other")))
    assert (await producer.ended())[0] is grpc.StatusCode.INVALID_ARGUMENT
