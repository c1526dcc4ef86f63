"""Secrets that a producer names at one gateway, at the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from filters.entry import LogEntry
from gateway.errors import ApiError
from gateway.ingest.masking import known_secrets
from gateway.ingest.masking.shared_masks import SharedMasks
from gateway.ingest.masking.task_masks import TaskMasks
from storage.journal.interface import LineBatch
from storage.journal.postgres.schema import migrate_url
from storage.postgres.channel import GatewayChannel
from tests.support.postgres_server import PostgresServer
from tests.support.watched_journal import WatchedJournal

SECRET = "hunter-2-secret"
AT = "2026-01-01T00:00:00.000000000Z"

Join = Callable[[str], Awaitable[tuple[TaskMasks, GatewayChannel]]]


@pytest.fixture
async def join(postgres: PostgresServer, journal: WatchedJournal) -> AsyncIterator[Join]:
    url = await postgres.add_schema()
    await asyncio.to_thread(migrate_url, url)
    async with AsyncExitStack() as stack:

        async def joined(name: str) -> tuple[TaskMasks, GatewayChannel]:
            channel, masks = GatewayChannel(url, gateway=name), TaskMasks(journal, hold_seconds=0.01)
            shared = SharedMasks(channel, masks)
            masks.share = shared.share
            await channel.start()
            stack.push_async_callback(channel.close)
            await shared.collect()
            return masks, channel

        yield joined


async def test_what_is_named_at_one_gateway_is_masked_at_all(join: Join, journal: WatchedJournal) -> None:
    """Before its producer has the answer; nothing in the database shows it."""
    masks, channel = await join("a")
    other, _ = await join("b")
    seen = list[object]()
    fetch = channel.fetch

    async def watched(query: str, *arguments: object) -> object:
        seen.append(arguments)
        return await fetch(query, *arguments)

    channel.fetch = watched  # type: ignore[method-assign, assignment]
    assert await masks.mask("t", [SECRET, "short"]) == [(1, "it has fewer than 6 characters")]
    assert list(other.known.tasks["t"].secrets) == [SECRET]
    assert seen
    assert SECRET not in str(seen)
    assert (await fetch("SELECT count(*) FROM journal_masks"))[0][0] == 0
    entry = LogEntry("t", "w", 0, AT, "INFO", "stdout", f"key {SECRET}")
    await other.append(LineBatch("t", "w", [entry], 1, 0.0))
    assert [each.message for each in await journal.entries("t")] == ["key ***"]


async def test_a_gateway_that_starts_later_knows_them_before_it_takes_lines(join: Join) -> None:
    """Those of all tasks, from the gateways that run; those of one that has ended are still known."""
    first, leaving = await join("a")
    for number in range(45):
        await first.mask(f"task {number}", [f"{SECRET}-{number}"])
    second, _ = await join("b")
    await leaving.close()
    third, _ = await join("c")
    for masks in (second, third):
        assert {name: list(task.secrets) for name, task in masks.known.tasks.items()} == {
            f"task {number}": [f"{SECRET}-{number}"] for number in range(45)
        }


async def test_masks_that_another_gateway_cannot_take_are_refused(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    """The producer is refused, and may come again; then they are shared."""
    masks, _ = await join("a")
    other, channel = await join("b")
    await other.learn("full", [SECRET])
    monkeypatch.setattr(known_secrets, "TASKS_MAX", 1)
    with pytest.raises(ApiError, match="another gateway has as many masks as it may"):
        await masks.mask("t", [SECRET])
    monkeypatch.undo()
    await masks.mask("t", [SECRET])
    assert "t" in other.known.tasks
    await channel.close()
    await masks.mask("t", [SECRET, SECRET + "-2"])  # nobody is left who would have to know
    assert len(masks.known.tasks["t"].secrets) == 2


async def test_a_gateway_that_does_not_answer_is_told_to_the_producer(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines might show the secret; the values that were named are masked here."""
    masks, channel = await join("a")
    _, silent = await join("b")
    silent.listen("masks", lambda _sender, _text: None)
    monkeypatch.setattr("gateway.ingest.masking.shared_masks.SECONDS_MAX", 0.3)
    with pytest.raises(ApiError, match="1 gateways have not taken the masks") as refused:
        await masks.mask("t", [SECRET])
    assert (refused.value.code, "t" in masks.known.tasks) == ("UNAVAILABLE", True)
    await channel.close()
    with pytest.raises(ApiError, match="cannot be told of the masks now"):
        await masks.mask("t", [SECRET])
