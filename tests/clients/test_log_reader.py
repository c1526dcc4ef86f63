"""``LogReader`` against a gateway."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from otto_logs import (
    AuthenticationError,
    InvalidRequestError,
    LogFilter,
    LogReader,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
    read,
)

from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.signed_tokens import SECRET, make_token
from tests.support.worker import publish

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("log reader")]
LINES = [f"line {number}" for number in range(1, 101)]
WRITER = make_token(scopes=("logs:write",))
READER = make_token(scopes=("logs:read",))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    async with running_gateway(tmp_path_factory.mktemp("gateway"), JWT_SECRET=SECRET) as gateway:
        await publish(gateway.grpc_address, "build-1", LINES, end=True, token=WRITER)
        yield gateway


async def test_a_log_is_read_to_its_end_and_resumed_exactly(gateway: GatewayProcess) -> None:
    """Behind any entry another reading continues with the next one; behind the end there is nothing."""
    async with LogReader(gateway.url, READER) as logs:
        reading = logs.read("build-1")
        entries = [entry async for entry in reading]
        assert ([entry.message for entry in entries], reading.status) == (LINES, "COMPLETED")
        rest = [entry.sequence async for entry in logs.read("build-1", after=entries[41].position)]
        assert rest == list(range(43, 101))
        assert [entry async for entry in logs.read("build-1", after=reading.position)] == []
        wanted = LogFilter(expression="/line 4\\d/ -42")
        assert [entry.sequence async for entry in logs.read("build-1", filter=wanted)] == [40, 41, *range(43, 50)]


async def test_a_task_is_read_in_one_line(gateway: GatewayProcess) -> None:
    """Without a reader to open and close."""
    after = "".join([entry.position async for entry in read("build-1", url=gateway.url, token=READER)][90:91])
    found = [entry.message async for entry in read("build-1", after=after, url=gateway.url, token=READER)]
    assert found == LINES[91:]


async def test_a_restart_in_the_middle_is_not_noticed(gateway: GatewayProcess) -> None:
    """Each line once and in order, whether it was stored before a killed gateway came back or after."""
    await publish(gateway.grpc_address, "live", LINES[:50], token=WRITER)
    seen: list[int] = []
    async with LogReader(gateway.url, READER) as logs:
        async for entry in logs.read("live"):
            seen.append(entry.sequence)
            if entry.sequence == 20:
                gateway.kill()
                await gateway.start()
                await publish(gateway.grpc_address, "live", LINES[50:], end=True, token=WRITER)
    assert seen == list(range(1, 101))


async def test_pages_and_searches_have_entries(gateway: GatewayProcess) -> None:
    """Pages in both directions by their cursors; hits with the lines around them, however many there are."""
    async with LogReader(gateway.url, READER) as logs:
        last = await logs.history("build-1", tail=10)
        before = await logs.history("build-1", before=last.previous or "", limit=5)
        assert [entry.sequence for entry in before.entries] == [86, 87, 88, 89, 90]
        assert (last.status, last.has_next, before.has_previous) == ("COMPLETED", False, True)
        hits = [hit async for hit in logs.search("line 9", filter=LogFilter(levels=["INFO"]), context=1, limit=3)]
        assert all(hit.entry.message.startswith("line 9") for hit in hits)
        assert len(hits) == 3
        assert [line.sequence for line in hits[1].before] == [hits[1].entry.sequence - 1]
        assert (await logs.summary("build-1"))["lines"] == 100


async def test_refusals_are_errors_of_their_kind(gateway: GatewayProcess) -> None:
    """No token, one for other tasks, no such task, and a wrong filter; none of them is tried again."""
    limited = make_token(scopes=("logs:read",), tasks=["ours-*"])
    wrong = LogFilter(expression="/(/")
    for token, wanted, error in (("x", None, AuthenticationError), (limited, None, PermissionDeniedError),
                                 (READER, wrong, InvalidRequestError)):  # fmt: skip
        async with LogReader(gateway.url, token) as logs:
            with pytest.raises(error):
                await anext(aiter(logs.read("build-1", filter=wanted)))
    async with LogReader(gateway.url, READER) as logs:
        with pytest.raises(NotFoundError):
            await logs.history("nothing")


async def test_a_gateway_that_stays_away_is_given_up(tmp_path: Path) -> None:
    """At once for a page, after the given time for a log that is followed."""
    away = GatewayProcess(tmp_path)
    async with LogReader(away.url, give_up_seconds=0) as logs:
        with pytest.raises(UnavailableError):
            await logs.history("t")
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(anext(aiter(logs.read("t"))), 60)
