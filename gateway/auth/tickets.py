"""Tickets: let one stream in, once and soon, so that no token needs to be in its address."""

import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.auth.principal import LOGS_READ, Principal
from gateway.errors import ApiError

__all__ = ["TICKETS_PER_SUBJECT_MAX", "Tickets", "too_many_tickets", "unknown_ticket"]

TICKETS_PER_SUBJECT_MAX: Final = 100
"""Unused tickets of one subject, so that it cannot use up the tickets of all others."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    principal: Principal
    good_until: float


class Tickets:
    """Tickets that wait to be used, in the memory of this process; a ticket's text is not kept, only its hash."""

    def __init__(self, ttl_seconds: float, tickets_max: int, clock: Callable[[], float] = time.time) -> None:
        self.ttl_seconds = ttl_seconds
        self._tickets_max = tickets_max
        self._clock = clock
        self._waiting: dict[bytes, _Waiting] = {}  # in the order of good_until
        self._of_subject: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Tickets {len(self._waiting)}/{self._tickets_max} waiting>"

    def __len__(self) -> int:
        return len(self._waiting)

    def issue(self, principal: Principal, *, task_id: str | None = None, pipeline_id: str | None = None) -> str:
        """A ticket that lets ``principal`` read, and only this task or pipeline if one is given.

        Raises:
            ApiError: PERMISSION_DENIED, or RESOURCE_EXHAUSTED if too many tickets are unused.
        """
        principal.require(LOGS_READ, task_id=task_id, pipeline_id=pipeline_id)
        self._drop_old()
        if len(self._waiting) >= self._tickets_max or self._of_subject[principal.subject] >= TICKETS_PER_SUBJECT_MAX:
            raise too_many_tickets(self.ttl_seconds)
        ticket = secrets.token_urlsafe(32)
        bearer = principal.narrowed({LOGS_READ}, task_id=task_id, pipeline_id=pipeline_id)
        self._waiting[_hash(ticket)] = _Waiting(bearer, self._clock() + self.ttl_seconds)
        self._of_subject[principal.subject] += 1
        return ticket

    def redeem(self, ticket: str) -> Principal:
        """Redeem a ticket and return its principal. A ticket works once.

        Raises:
            ApiError: UNAUTHENTICATED; it is unknown, was used, or waited too long.
        """
        waiting = self._take(_hash(ticket))
        now = self._clock()
        if waiting is None or waiting.good_until <= now:
            raise unknown_ticket()
        if waiting.principal.expires_at is not None and waiting.principal.expires_at <= now:
            raise ApiError("UNAUTHENTICATED", "the token that the ticket was made for has expired")
        return waiting.principal

    def _take(self, key: bytes) -> _Waiting | None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            subject = waiting.principal.subject
            self._of_subject[subject] -= 1
            if not self._of_subject[subject]:
                del self._of_subject[subject]
        return waiting

    def _drop_old(self) -> None:
        now = self._clock()
        while self._waiting:
            key = next(iter(self._waiting))
            if self._waiting[key].good_until > now:
                break
            self._take(key)


def too_many_tickets(ttl_seconds: float) -> ApiError:
    """The refusal of a further ticket."""
    return ApiError(
        "RESOURCE_EXHAUSTED",
        "too many tickets wait to be used; use them or try again later",
        retry_after_seconds=max(1, round(ttl_seconds)),
    )


def unknown_ticket() -> ApiError:
    """The refusal of an invalid ticket."""
    return ApiError("UNAUTHENTICATED", "the ticket is unknown, used or too old; ask for a new one")


def _hash(ticket: str) -> bytes:
    return sha256(ticket.encode(errors="surrogatepass")).digest()
