"""Tickets."""

import pytest

from gateway.auth import LOGS_READ, LOGS_WRITE, Principal
from gateway.auth.patterns import NamePatterns
from gateway.auth.tickets import TICKETS_PER_SUBJECT_MAX, Tickets
from gateway.errors import ApiError


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def reader(subject: str = "someone", expires_at: float | None = None) -> Principal:
    return Principal(subject=subject, scopes=frozenset({LOGS_READ, LOGS_WRITE}), expires_at=expires_at)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> Tickets:
    return Tickets(30.0, 150, clock)


def test_a_ticket_lets_its_principal_read_once(tickets: Tickets) -> None:
    """The second use is refused, and a ticket does not let anybody write."""
    ticket = tickets.issue(reader(expires_at=2000.0))
    principal = tickets.redeem(ticket)
    assert (principal.subject, principal.expires_at) == ("someone", 2000.0)
    principal.require(LOGS_READ, task_id="any")
    with pytest.raises(ApiError):
        principal.require(LOGS_WRITE)
    with pytest.raises(ApiError, match="unknown, used or too old"):
        tickets.redeem(ticket)


def test_a_ticket_must_be_used_soon(tickets: Tickets, clock: Clock) -> None:
    """From its time on it is refused."""
    ticket = tickets.issue(reader())
    clock.seconds += 30.0
    with pytest.raises(ApiError) as caught:
        tickets.redeem(ticket)
    assert caught.value.code == "UNAUTHENTICATED"


def test_a_ticket_does_not_outlive_its_token(tickets: Tickets, clock: Clock) -> None:
    """Anyone who let its token expire is not let in by a ticket."""
    ticket = tickets.issue(reader(expires_at=1010.0))
    clock.seconds = 1010.0
    with pytest.raises(ApiError, match="expired"):
        tickets.redeem(ticket)


def test_a_ticket_may_be_for_one_task(tickets: Tickets) -> None:
    """It then is for no other task, and for no pipeline."""
    principal = tickets.redeem(tickets.issue(reader(), task_id="build-*"))
    principal.require(LOGS_READ, task_id="build-*")
    for other in ({"task_id": "build-1"}, {"pipeline_id": "build-*"}):
        with pytest.raises(ApiError):
            principal.require(LOGS_READ, **other)


def test_a_ticket_is_issued_only_for_what_may_be_read(tickets: Tickets) -> None:
    """No scope, or a task that the token does not cover: 403."""
    writer = Principal(subject="writer", scopes=frozenset({LOGS_WRITE}))
    limited = Principal(subject="limited", scopes=frozenset({LOGS_READ}), tasks=NamePatterns(["build-*"]))
    with pytest.raises(ApiError, match="logs:read"):
        tickets.issue(writer)
    with pytest.raises(ApiError, match="does not cover"):
        tickets.issue(limited, task_id="deploy")
    with pytest.raises(ApiError):
        tickets.redeem(tickets.issue(limited)).require(LOGS_READ, task_id="deploy")


def test_one_subject_cannot_use_up_the_tickets_of_others(tickets: Tickets, clock: Clock) -> None:
    """There is a limit for each, and time gives room again."""
    for _ in range(TICKETS_PER_SUBJECT_MAX):
        tickets.issue(reader())
    with pytest.raises(ApiError) as caught:
        tickets.issue(reader())
    assert (caught.value.code, caught.value.retry_after_seconds) == ("RESOURCE_EXHAUSTED", 30)
    tickets.issue(reader("another"))
    clock.seconds += 30.0
    tickets.issue(reader())
    assert len(tickets) == 1


def test_a_used_ticket_gives_its_place_back(tickets: Tickets) -> None:
    """Anyone who uses tickets can have any number of them."""
    for _ in range(2 * TICKETS_PER_SUBJECT_MAX):
        tickets.redeem(tickets.issue(reader()))
    assert len(tickets) == 0


def test_tickets_are_bounded_over_all(tickets: Tickets) -> None:
    """The store never holds more than its limit."""
    for number in range(150):
        tickets.issue(reader(f"subject-{number}"))
    with pytest.raises(ApiError) as caught:
        tickets.issue(reader("one more"))
    assert caught.value.http_status == 429
    assert len(tickets) == 150


@pytest.mark.parametrize("ticket", ["", "garbage", "é", "\udc80", "x" * 100_000])
def test_garbage_is_no_ticket(tickets: Tickets, ticket: str) -> None:
    """It is refused like one that was used."""
    with pytest.raises(ApiError, match="unknown, used or too old"):
        tickets.redeem(ticket)


def test_tickets_cannot_be_read_from_their_store(tickets: Tickets) -> None:
    """Two are never the same, and the store shows none."""
    first, second = tickets.issue(reader()), tickets.issue(reader())
    assert first != second
    assert len(first) >= 43
    assert first not in repr(tickets)
    assert first not in repr(vars(tickets))
