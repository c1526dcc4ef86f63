"""Tickets of several gateways on one database."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gateway.auth.patterns import NamePatterns
from gateway.auth.principal import LOGS_READ, Principal
from gateway.auth.shared_tickets import SharedTickets
from gateway.auth.tickets import TICKETS_PER_SUBJECT_MAX
from gateway.errors import ApiError
from storage.journal.postgres.schema import migrate_url
from storage.postgres.channel import GatewayChannel
from tests.support.postgres_server import PostgresServer

LATER = time.time() + 3600
READER = Principal(
    subject="reader",
    scopes=frozenset({LOGS_READ}),
    tasks=NamePatterns.of(["a*"], ["build-*", "?"]),
    expires_at=LATER,
)


@pytest.fixture
async def channel(postgres: PostgresServer) -> AsyncIterator[GatewayChannel]:
    url = await postgres.add_schema()
    await asyncio.to_thread(migrate_url, url)
    channel = GatewayChannel(url, gateway="a")
    await channel.start()
    yield channel
    await channel.close()


async def test_a_ticket_is_good_once_at_any_gateway(channel: GatewayChannel) -> None:
    """With the names that its token covers, and no other; the text itself is not in the database."""
    issuer, redeemer = (SharedTickets(channel.fetch, 30.0, 150) for _ in range(2))
    ticket = await issuer.issue(READER)
    stored = await channel.fetch("SELECT t::text FROM journal_tickets t")
    assert len(stored) == 1
    assert ticket not in stored[0][0]
    principal = await redeemer.redeem(ticket)
    assert principal.tasks is not None
    assert [name in principal.tasks for name in ("a*", "ab", "build-7", "x", "xy")] == [True, False, True, True, False]
    assert (principal.subject, principal.scopes, principal.expires_at) == ("reader", frozenset({LOGS_READ}), LATER)
    for tickets in (issuer, redeemer):
        with pytest.raises(ApiError, match="unknown, used or too old"):
            await tickets.redeem(ticket)


async def test_shared_tickets_are_bounded_and_soon_too_old(channel: GatewayChannel) -> None:
    """By subject and over all, of all gateways together; one that is too old takes no place."""
    tickets = SharedTickets(channel.fetch, 30.0, TICKETS_PER_SUBJECT_MAX + 1)
    await channel.fetch(
        "INSERT INTO journal_tickets "
        "SELECT n::text::bytea, 'reader', '', now() + '1 min' FROM generate_series(1, $1) n",
        TICKETS_PER_SUBJECT_MAX,
    )
    with pytest.raises(ApiError, match="too many tickets"):
        await tickets.issue(READER)
    other = Principal(subject="other", scopes=frozenset({LOGS_READ}))
    last = await tickets.issue(other)
    with pytest.raises(ApiError, match="too many tickets"):
        await tickets.issue(other)
    await channel.fetch("UPDATE journal_tickets SET good_until = now()")
    with pytest.raises(ApiError, match="too old"):
        await tickets.redeem(last)
    await tickets.issue(READER)


async def test_without_the_database_tickets_are_unavailable(channel: GatewayChannel) -> None:
    """Neither good nor bad: the client may ask again."""
    tickets = SharedTickets(channel.fetch, 30.0, 150)
    await channel.close()
    with pytest.raises(ApiError, match="cannot be looked at now") as refused:
        await tickets.redeem("x")
    assert refused.value.code == "UNAVAILABLE"
