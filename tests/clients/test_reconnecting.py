"""A producer whose gateway goes away, comes late, refuses or is silent."""

from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from otto.logs.v1 import logs_pb2
from otto_logs import (
    AuthenticationError,
    GatewayError,
    IncompatibleError,
    InvalidRequestError,
    LogProducer,
    PermissionDeniedError,
    Problem,
    ProblemKind,
    ProducerLimits,
    ProducerState,
    ReplacedError,
    RequestTooLargeError,
)

from tests.support.ingest_peer import IngestPeer, Script
from tests.support.recorded_backoff import RecordedBackoff


@pytest.mark.parametrize("script", [Script(store_then_cut=2), Script(cut_before=2), Script(cut_before=1)])
async def test_a_lost_connection_loses_and_doubles_nothing(
    peer: IngestPeer, quick: ProducerLimits, script: Script
) -> None:
    """What was stored but not acknowledged, and what was sent but not stored, is there once after it."""
    peer.scripts.append(script)
    problems: list[Problem] = []
    limits = replace(quick, batch_lines_max=10)
    async with LogProducer(peer.address, limits=limits, on_problem=problems.append) as producer:
        for index in range(100):
            await producer.log("t", "w", str(index))

    assert peer.lines() == [str(index) for index in range(100)]
    assert [problem.kind for problem in problems] == [ProblemKind.DISCONNECTED]
    assert [hello.producer_id for hello in peer.hellos] == [producer.producer_id] * 2


async def test_a_gateway_may_come_later(peer: IngestPeer, quick: ProducerLimits) -> None:
    """Lines wait in memory for a gateway that is not there yet, and while it is restarted."""
    port = peer.port
    await peer.stop()
    async with LogProducer(f"127.0.0.1:{port}", limits=quick) as producer:
        await producer.log("t", "w", "early")
        later = IngestPeer(last_numbers=peer.last_numbers, requests=peer.requests)
        await later.start(port)
        await producer.flush()
        await later.stop()
        await producer.log("t", "w", "in between")
        await peer.start(port)
        await producer.flush()

    assert peer.lines() == ["early", "in between"]


async def test_a_producer_goes_on_behind_its_own_numbers(peer: IngestPeer) -> None:
    """A program that starts again under its producer id continues where it was."""
    for text in ("first life", "second life"):
        async with LogProducer(peer.address, producer_id="mine") as producer:
            await producer.log("t", "w", text)

    assert peer.lines() == ["first life", "second life"]
    assert [request.number for request in peer.requests] == [1, 2]


async def test_forgotten_numbers_are_not_held_against_the_gateway(peer: IngestPeer, quick: ProducerLimits) -> None:
    """After a reconnect to a journal without our numbers, what was never acknowledged is stored there, by a new id."""
    problems: list[Problem] = []
    peer.scripts.append(Script(cut_before=2))
    async with LogProducer(peer.address, limits=quick, on_problem=problems.append) as producer:
        await producer.log("t", "w", "gone with the journal")
        await producer.flush()
        peer.last_numbers.clear()
        peer.requests.clear()
        before = producer.producer_id
        await producer.log("t", "w", "stored in the new one")
        await producer.flush()

    assert peer.lines() == ["stored in the new one"]
    assert peer.last_numbers == {producer.producer_id: 1}
    assert producer.producer_id != before
    assert ProblemKind.FORGOTTEN in {problem.kind for problem in problems}


async def test_refused_requests_are_reported_and_not_sent_again(peer: IngestPeer) -> None:
    """The gateway acknowledges a request that it had to change or refuse, and says what was wrong."""
    problems: list[Problem] = []
    peer.problems[1] = logs_pb2.Problem(number=1, field="lines.lines.metadata", message="too much of it")
    async with LogProducer(peer.address, on_problem=problems.append) as producer:
        await producer.log("t", "w", "line")

    assert problems == [Problem(ProblemKind.REFUSED, "too much of it", "lines.lines.metadata", 1)]


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, AuthenticationError, "does not accept the token: no.*set OTTO_TOKEN"),
        (grpc.StatusCode.PERMISSION_DENIED, PermissionDeniedError, "does not permit this: no"),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequestError, "does not understand this producer: no"),
        (grpc.StatusCode.UNIMPLEMENTED, IncompatibleError, "is no Otto log gateway"),
        (grpc.StatusCode.ABORTED, ReplacedError, "another producer uses the id"),
    ],
)
async def test_a_refusal_is_an_error_and_not_a_loop(
    peer: IngestPeer, quick: ProducerLimits, status: grpc.StatusCode, kind: type[GatewayError], text: str
) -> None:
    """What trying again cannot mend is tried once, and raised wherever the program asks."""
    peer.scripts.extend(Script(refuse=(status, "no")) for _ in range(5))
    producer = LogProducer(peer.address, limits=quick)
    await producer.log("t", "w", "line")
    with pytest.raises(kind, match=text) as caught:
        await producer.flush()
    assert caught.value.code == status.name
    with pytest.raises(kind):
        await producer.log("t", "w", "another")
    with pytest.raises(kind):
        await producer.close()

    assert len(peer.tokens) == 1
    assert producer.statistics.state is ProducerState.FAILED


async def test_a_request_that_is_too_large_is_not_sent_for_ever(peer: IngestPeer, quick: ProducerLimits) -> None:
    """The same refusal three times over is final, and the text says what to change."""
    refusal = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 5)")
    peer.scripts.extend(Script(cut_before=1, end_with=refusal) for _ in range(9))
    producer = LogProducer(peer.address, limits=quick)
    await producer.log("t", "w", "line")

    with pytest.raises(RequestTooLargeError, match="lower batch_bytes_max"):
        await producer.close()
    assert len(peer.hellos) == 3


async def test_a_full_gateway_is_asked_again(peer: IngestPeer, quick: ProducerLimits) -> None:
    """RESOURCE_EXHAUSTED for too many streams passes."""
    peer.scripts.extend(Script(refuse=(grpc.StatusCode.RESOURCE_EXHAUSTED, "try later")) for _ in range(5))
    async with LogProducer(peer.address, limits=quick) as producer:
        await producer.log("t", "w", "line")

    assert peer.lines() == ["line"]


async def test_an_expired_token_is_renewed(peer: IngestPeer, quick: ProducerLimits) -> None:
    """A function is asked for a new token; the stream continues with it."""
    expired = (grpc.StatusCode.UNAUTHENTICATED, "the token has expired")
    peer.scripts.append(Script(store_then_cut=1, end_with=expired))
    tokens = iter(["old", "new"])
    async with LogProducer(peer.address, limits=quick, token=lambda: next(tokens)) as producer:
        await producer.log("t", "w", "line")

    assert peer.tokens == ["Bearer old", "Bearer new"]
    assert peer.lines() == ["line"]


async def test_the_same_refused_token_is_not_shown_for_ever(peer: IngestPeer, quick: ProducerLimits) -> None:
    """A function that gives what was refused already ends in an error."""
    peer.scripts.extend(Script(refuse=(grpc.StatusCode.UNAUTHENTICATED, "no")) for _ in range(9))
    producer = LogProducer(peer.address, limits=quick, token=lambda: "always this")
    await producer.log("t", "w", "line")

    with pytest.raises(AuthenticationError):
        await producer.close()
    assert len(peer.tokens) == 2


async def test_a_token_that_cannot_be_fetched_is_asked_for_again(peer: IngestPeer, quick: ProducerLimits) -> None:
    """Whatever the function raises counts as a gateway that is away."""
    attempts = []

    def token() -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("the vault is sealed")
        return "good"

    problems: list[Problem] = []
    async with LogProducer(peer.address, limits=quick, token=token, on_problem=problems.append) as producer:
        await producer.log("t", "w", "line")

    assert peer.tokens == ["Bearer good"]
    assert "the vault is sealed" in problems[0].message


@pytest.mark.parametrize("script", [Script(silent=True), Script(withhold=True)])
async def test_a_gateway_that_says_nothing_is_left(peer: IngestPeer, quick: ProducerLimits, script: Script) -> None:
    """No answer to the Hello, or no acknowledgement for too long: the connection counts as dead."""
    peer.scripts.append(script)
    limits: Any = SimpleNamespace(**asdict(replace(quick, hello_seconds_max=0.1, acknowledgement_seconds_max=0.1)))

    def be_patient(_problem: Problem) -> None:  # or a slow machine has no second connection that lives
        vars(limits).update(asdict(quick))

    async with LogProducer(peer.address, limits=limits, on_problem=be_patient) as producer:
        await producer.log("t", "w", "line")

    assert peer.lines() == ["line"]
    assert len(peer.tokens) >= 2  # connections


async def test_a_gateway_says_how_long_to_stay_away(peer: IngestPeer, quick: ProducerLimits) -> None:
    """What it asks for is waited, where that is longer than the producer would have waited by itself."""
    peer.scripts.append(Script(refuse=(grpc.StatusCode.UNAVAILABLE, "shutting down"), pushback_ms=200))
    problems: list[Problem] = []
    async with LogProducer(peer.address, limits=quick, on_problem=problems.append) as producer:
        await producer.log("t", "w", "line")

    assert peer.lines() == ["line"]
    assert [problem.message.endswith("trying again in 0.2 s") for problem in problems] == [True]


@pytest.mark.parametrize(
    ("scripts", "bounds"),
    [
        ([Script(cut_before=1)] * 4, [1, 2, 4, 8]),
        ([Script(cut_before=1)] * 2 + [Script(cut_before=2)] * 2, [1, 2, 1, 1]),
    ],
    ids=["a Hello that is answered", "a request that is acknowledged"],
)
async def test_only_what_is_acknowledged_starts_the_pauses_anew(
    peer: IngestPeer, monkeypatch: pytest.MonkeyPatch, scripts: list[Script], bounds: list[float]
) -> None:
    """A gateway that accepts streams and drops them is left alone for longer each time, one that stores is not."""
    recorded = RecordedBackoff(1.0, 1000.0)
    monkeypatch.setattr("otto_logs._sender.Backoff", lambda *_: recorded)
    peer.scripts.extend(scripts)
    async with LogProducer(peer.address, limits=ProducerLimits(batch_lines_max=1)) as producer:
        for index in range(4):
            await producer.log("t", "w", str(index))

    assert recorded.bounds == bounds
    assert peer.lines() == ["0", "1", "2", "3"]
