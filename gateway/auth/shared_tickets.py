"""Tickets that several gateways on one database share: issued at one of them, good once at any."""

import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec

from gateway.auth.patterns import NamePatterns
from gateway.auth.principal import LOGS_READ, Principal
from gateway.auth.tickets import TICKETS_PER_SUBJECT_MAX, too_many_tickets, unknown_ticket
from gateway.errors import ApiError
from storage.errors import StorageError

__all__ = ["SharedTickets"]

_DROP_OLD: Final = "DELETE FROM journal_tickets WHERE good_until <= now()"

_ISSUE: Final = """
INSERT INTO journal_tickets (ticket, subject, principal, good_until)
SELECT $1, $2, $3, now() + make_interval(secs => $4)
WHERE (SELECT count(*) FROM journal_tickets) < $5
AND (SELECT count(*) FROM journal_tickets WHERE subject = $2) < $6 RETURNING 1"""

_REDEEM: Final = """
DELETE FROM journal_tickets WHERE ticket = $1
RETURNING principal, good_until > now(), extract(epoch FROM now())::float8"""


class _Fetch(Protocol):
    async def __call__(self, query: str, *arguments: object) -> Sequence[Any]: ...


class _Bearer(msgspec.Struct):
    """A principal as it is kept."""

    subject: str
    scopes: list[str]
    tasks: tuple[list[str], list[str]] | None
    pipelines: tuple[list[str], list[str]] | None
    expires_at: float | None


class SharedTickets:
    """Tickets in the database; a ticket's text is not stored, only its hash. Times are the database's.

    Args:
        fetch: the rows of a statement; raises ``StorageError``.
        ttl_seconds: how long a ticket is good.
        tickets_max: how many may wait, of all gateways together.
    """

    def __init__(self, fetch: _Fetch, ttl_seconds: float, tickets_max: int) -> None:
        self._fetch = fetch
        self._ttl_seconds = ttl_seconds
        self._tickets_max = tickets_max

    async def issue(self, principal: Principal, *, task_id: str | None = None, pipeline_id: str | None = None) -> str:
        """See ``Tickets.issue``.

        Raises:
            ApiError: PERMISSION_DENIED, RESOURCE_EXHAUSTED, or UNAVAILABLE.
        """
        principal.require(LOGS_READ, task_id=task_id, pipeline_id=pipeline_id)
        ticket = secrets.token_urlsafe(32)
        bearer = _encoded(principal.narrowed({LOGS_READ}, task_id=task_id, pipeline_id=pipeline_id))
        subject = principal.subject.replace("\0", "\ufffd")
        limits = (self._tickets_max, TICKETS_PER_SUBJECT_MAX)
        await self._ask(_DROP_OLD)
        if not await self._ask(_ISSUE, _hash(ticket), subject, bearer, self._ttl_seconds, *limits):
            raise too_many_tickets(self._ttl_seconds)
        return ticket

    async def redeem(self, ticket: str) -> Principal:
        """See ``Tickets.redeem``.

        Raises:
            ApiError: UNAUTHENTICATED, or UNAVAILABLE.
        """
        rows = await self._ask(_REDEEM, _hash(ticket))
        if not rows or not rows[0][1]:
            raise unknown_ticket()
        principal = _decoded(rows[0][0])
        if principal.expires_at is not None and principal.expires_at <= rows[0][2]:
            raise ApiError("UNAUTHENTICATED", "the token that the ticket was made for has expired")
        return principal

    async def _ask(self, query: str, *arguments: object) -> Sequence[Any]:
        try:
            return await self._fetch(query, *arguments)
        except StorageError as error:
            text = "tickets cannot be looked at now; try again, or send the token itself"
            raise ApiError("UNAVAILABLE", text, retry_after_seconds=1) from error


def _hash(ticket: str) -> bytes:
    return sha256(ticket.encode(errors="surrogatepass")).digest()


def _encoded(principal: Principal) -> bytes:
    tasks = None if principal.tasks is None else principal.tasks.parts
    pipelines = None if principal.pipelines is None else principal.pipelines.parts
    return msgspec.json.encode(
        _Bearer(principal.subject, sorted(principal.scopes), tasks, pipelines, principal.expires_at)
    )


def _decoded(text: bytes) -> Principal:
    found = msgspec.json.decode(text, type=_Bearer)
    return Principal(
        subject=found.subject,
        scopes=frozenset(found.scopes),
        tasks=None if found.tasks is None else NamePatterns.of(*found.tasks),
        pipelines=None if found.pipelines is None else NamePatterns.of(*found.pipelines),
        expires_at=found.expires_at,
    )
