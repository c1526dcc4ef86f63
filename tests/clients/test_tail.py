import gzip
import json
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.commands import Ended, otto_logs, start_otto_logs
from tests.support.sse_peer import Answer, SsePeer, event, line, sse_peer

COMPLETE = event("complete", {"status": "COMPLETED", "lastSequence": 2}, "0000000a-2.end")
FAILED = event("complete", {"status": "FAILED", "lastSequence": 2}, "0000000a-2.end")
RETRY = b"retry: 10\n\n"


@pytest.fixture
async def gateway() -> AsyncIterator[SsePeer]:
    async with sse_peer() as peer:
        yield peer


async def tail(gateway: SsePeer, *arguments: str, **options: Any) -> Ended:
    return await otto_logs("tail", "--url", gateway.url, *arguments, **options)


async def test_a_task_is_shown_until_it_ends(gateway: SsePeer) -> None:
    """One row a line, with time, level and worker; the end is said on stderr."""
    gateway.answers.append(Answer([RETRY, line(1, "first"), line(2, "second", level="ERROR"), COMPLETE]))
    ended = await tail(gateway, "t", environment={"TZ": "UTC"})

    assert ended.code == 0
    assert ended.stdout.decode() == "00:00:00.000 INFO  w  first\n00:00:00.000 ERROR w  second\n"
    assert ended.stderr == "otto-logs: the task has ended: COMPLETED\n"


async def test_filters_are_the_gateways(gateway: SsePeer) -> None:
    """Every option becomes its query parameter; the task is percent-encoded, slashes too."""
    gateway.answers.append(Answer([COMPLETE]))
    await tail(
        gateway,
        *("--level", "ERROR,WARN", "--keywords", "a b", "--keywords", "c", "--worker", "w", "--source", "stderr"),
        *("--since", "2026-01-01T00:00:00Z", "--until", "1h", "--tail", "5", "--after", "7", "a/b ä"),
    )

    request = gateway.requests[0]
    until = request.query_params["endTime"]
    assert request.scope["raw_path"].endswith(b"/logs/a%2Fb%20%C3%A4/stream")
    assert until.endswith("Z")
    assert request.query_params.multi_items() == [
        ("level", "ERROR,WARN"),
        ("keywords", "a b"),
        ("keywords", "c"),
        ("workerId", "w"),
        ("source", "stderr"),
        ("startTime", "2026-01-01T00:00:00Z"),
        ("endTime", until),
        ("tail", "5"),
        ("after", "7"),
    ]


async def test_json_and_raw_are_for_programs(gateway: SsePeer) -> None:
    """The gateway's own JSON, one object a line; or the messages alone."""
    gateway.answers.append(Answer([line(1, "é\tx"), COMPLETE]))

    entry = json.loads((await tail(gateway, "--json", "t")).stdout)
    assert (entry["sequence"], entry["message"]) == (1, "é\tx")
    assert (await tail(gateway, "--raw", "t")).stdout == "é\tx\n".encode()


async def test_a_lost_connection_goes_on_where_it_was(gateway: SsePeer) -> None:
    """With the last id that was shown, as often as it takes; a torn event is not shown."""
    gateway.answers.extend(
        [
            Answer([RETRY, line(1, "first"), line(2, "torn")[:-9]]),
            Answer(error="full", status=503),
            Answer([line(2, "second"), COMPLETE]),
        ]
    )
    ended = await tail(gateway, "--raw", "t")

    assert ended.code == 0
    assert ended.stdout == b"first\nsecond\n"
    assert gateway.last_event_ids == [None, "0000000a-1", "0000000a-1"]
    assert "is away (full); trying again" in ended.stderr


async def test_a_replaced_journal_is_said_and_the_same_lines_are_not_shown_twice(gateway: SsePeer) -> None:
    """One line on stderr; what has the same number and content was shown, anything else is new."""
    again = [line(1, "one", epoch="b"), line(2, "other", epoch="b"), line(3, "three", epoch="b"), COMPLETE]
    gateway.answers.extend([Answer([RETRY, line(1, "one"), line(2, "two")]), Answer(again)])
    ended = await tail(gateway, "--raw", "t")

    assert ended.stdout == b"one\ntwo\nother\nthree\n"
    assert ended.stderr.count("journal was replaced, as by a backup (its epoch was 0000000a)") == 1


async def test_the_same_line_in_one_life_is_shown(gateway: SsePeer) -> None:
    """Only another epoch makes a repetition."""
    gateway.answers.append(Answer([line(1, "one"), line(1, "one"), COMPLETE]))

    assert (await tail(gateway, "--raw", "t")).stdout == b"one\none\n"


async def test_events_may_be_torn_anywhere(gateway: SsePeer) -> None:
    """Byte by byte, with other line ends, comments and a compressed body: the same lines."""
    text = RETRY + b": comment\r\n" + (line(1, "one é") + COMPLETE).replace(b"\n", b"\r\n")
    gateway.answers.append(Answer([text[index : index + 1] for index in range(len(text))]))
    assert (await tail(gateway, "--raw", "t")).stdout == "one é\n".encode()

    gateway.answers[0] = Answer([gzip.compress(text)], headers={"Content-Encoding": "gzip"})
    assert (await tail(gateway, "--raw", "t")).stdout == "one é\n".encode()


async def test_a_task_that_has_ended_needs_no_stream(gateway: SsePeer) -> None:
    """204 on a reconnect: everything was shown already."""
    gateway.answers.extend([Answer([RETRY, line(1, "first")]), Answer(status=204)])
    ended = await tail(gateway, "--raw", "t")

    assert (ended.code, ended.stdout) == (0, b"first\n")


async def test_lines_that_no_longer_exist_are_announced(gateway: SsePeer) -> None:
    """As a row in their place, and as an object for programs."""
    gap = event("gap", {"from": 1, "to": 9, "reason": "retention"})
    gateway.answers.append(Answer([gap, line(10, "ten"), COMPLETE]))

    shown = (await tail(gateway, "t")).stdout.decode().splitlines()
    assert shown[0] == "── lines 1 to 9 no longer exist (retention) ──"
    first = (await tail(gateway, "--json", "t")).stdout.splitlines()[0]
    assert json.loads(first) == {"gap": {"from": 1, "to": 9, "reason": "retention"}}


async def test_the_tasks_end_may_be_the_exit_code(gateway: SsePeer) -> None:
    """With --exit-status 1 if it has failed; without it 0."""
    gateway.answers.append(Answer([FAILED]))

    assert (await tail(gateway, "t")).code == 0
    assert (await tail(gateway, "--exit-status", "t")).code == 1


@pytest.mark.parametrize(("status", "text"), [(401, "no good token"), (403, "not this task"), (400, "level: unknown")])
async def test_a_refusal_is_exit_code_3(gateway: SsePeer, status: int, text: str) -> None:
    """With the gateway's own words; asking again would not help."""
    gateway.answers.append(Answer(error=text, status=status))
    ended = await tail(gateway, "t")

    assert ended.code == 3
    assert ended.stderr == f"otto-logs: the gateway at {gateway.url} refused: {text}\n"
    assert len(gateway.requests) == 1


async def test_a_gateway_that_is_away_is_exit_code_4() -> None:
    """After the time that the command line gives it."""
    ended = await otto_logs("tail", "--url", "http://127.0.0.1:1", "--give-up", "0", "t")

    assert ended.code == 4
    assert "the gateway at http://127.0.0.1:1 is away" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_what_is_no_stream_is_not_taken_for_one(gateway: SsePeer) -> None:
    """Another server at that address is told apart."""
    gateway.answers.append(Answer([b"<html>"], headers={"Content-Type": "text/html"}))
    ended = await tail(gateway, "--give-up", "0", "t")

    assert ended.code == 4
    assert "text/event-stream" in ended.stderr


async def test_the_token_is_shown(gateway: SsePeer) -> None:
    """As a bearer token, from the environment."""
    gateway.answers.append(Answer([COMPLETE]))
    await tail(gateway, "t", environment={"OTTO_TOKEN": "secret"})

    assert gateway.requests[0].headers["authorization"] == "Bearer secret"


async def test_errors_in_the_stream_are_said(gateway: SsePeer) -> None:
    """The gateway's words on stderr, and the stream is asked for again."""
    error = event("error", {"code": "SERVER_SHUTDOWN", "message": "The gateway is shutting down."})
    gateway.answers.extend([Answer([RETRY, error]), Answer([line(1, "first"), COMPLETE])])
    ended = await tail(gateway, "--raw", "t")

    assert ended.stdout == b"first\n"
    assert "The gateway is shutting down." in ended.stderr


@pytest.mark.parametrize(("option", "has_colours"), [("--color", True), ("--no-color", False)])
async def test_colours_are_for_terminals(gateway: SsePeer, option: str, has_colours: bool) -> None:
    """Elsewhere only on request; then no line can play with the terminal."""
    gateway.answers.append(Answer([line(1, "\x1b]0;title\x07", level="WARN"), COMPLETE]))
    shown = (await tail(gateway, option, "t")).stdout.decode()

    assert ("\x1b[33m" in shown) is has_colours
    assert ("\x1b]0;" in shown) is not has_colours


async def test_an_interrupt_ends_it_quietly(gateway: SsePeer) -> None:
    """Exit code 130 and no traceback."""
    gateway.answers.append(Answer([line(1, "first")], stays_open=True))
    process = await start_otto_logs("tail", "--url", gateway.url, "--raw", "t")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"first\n"
    process.send_signal(signal.SIGINT)
    _, stderr = await process.communicate()

    assert (process.returncode, stderr) == (130, b"")


async def test_a_reader_that_has_enough_ends_it_quietly(gateway: SsePeer) -> None:
    """As in `otto-logs tail t | head -1`."""
    lines = [line(index, "x" * 1000) for index in range(1, 500)]
    gateway.answers.append(Answer(lines, stays_open=True))
    process = await start_otto_logs("tail", "--url", gateway.url, "--raw", "t")
    assert process.stdout is not None
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]  # asyncio has no public way
    _, stderr = await process.communicate()

    assert (process.returncode, stderr) == (0, b"")


async def test_wrong_usage_is_answered_in_one_sentence(gateway: SsePeer) -> None:
    """With exit code 2, and without a traceback."""
    for arguments, text in (
        (["t", "--json", "--raw"], "--json and --raw exclude each other"),
        (["t", "--tail", "-1"], "is not in the range"),
        (["t\x01"], "task must not contain control characters"),
    ):
        ended = await tail(gateway, *arguments)
        assert ended.code == 2
        assert text in ended.stderr
        assert "Traceback" not in ended.stderr
