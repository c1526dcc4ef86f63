"""Sessions that are given the newest state and not every change."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from sessions.admission import Admission, ServerFullError
from sessions.close_reasons import CloseReason
from sessions.conflated import ConflatedHub, ConflatedSession, Unread
from tests.support.moved_clock import pass_time


@dataclass(frozen=True)
class Limits:
    heartbeat_seconds: float = 60.0
    timeout_seconds: float = 60.0


class Session(ConflatedSession[str]):
    """Reads what a test puts into ``unread``."""

    def __init__(self, hub: "ConflatedHub[Session]", expires_at: float | None = None) -> None:
        super().__init__(hub, expires_at)
        self.unread: Unread[str, str] = Unread(2)

    async def changes(self) -> Sequence[str]:
        return self.unread.clear()


def opened(limits: Limits, expires_at: float | None = None) -> tuple[ConflatedHub[Session], Session]:
    hub: ConflatedHub[Session] = ConflatedHub(limits, Admission(1))
    hub.admit()
    session = Session(hub, expires_at)
    hub.keep(session)
    return hub, session


def test_unread_keeps_the_newest_value_of_each_key() -> None:
    """In the order of the changes; beyond its limit the oldest is dropped, and that is reported."""
    unread: Unread[str, int] = Unread(2)
    assert [unread.put(key, value) for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4))] == [0, 0, 0, 1]
    assert (unread.pop(), unread.clear(), len(unread)) == (3, (4,), 0)


async def test_a_conflated_session_waits_for_news() -> None:
    """What came meanwhile is one answer."""
    hub, session = opened(Limits())
    waiting = asyncio.create_task(anext(session))
    await asyncio.sleep(0)
    session.unread.put("a", "1")
    session.unread.put("a", "2")
    session.wake()
    assert await waiting == ("2",)
    hub.close()


async def test_a_conflated_session_is_silent_for_a_heartbeat_at_most() -> None:
    """It then returns an empty sequence, and stays open."""
    hub, session = opened(Limits(heartbeat_seconds=0.001))
    assert await anext(session) == ()
    assert session.reason is None
    hub.close()


async def test_a_conflated_session_ends_with_its_token() -> None:
    """At that moment, not at the next heartbeat."""
    _, session = opened(Limits(), expires_at=time.time())
    assert [changes async for changes in session] == []
    assert session.reason is CloseReason.TOKEN_EXPIRED


async def test_a_conflated_session_that_is_not_read_ends() -> None:
    """The hub looks at its timers, and its place is free again."""
    hub, session = opened(Limits(timeout_seconds=0.0))
    with pytest.raises(ServerFullError):
        hub.admit()
    pass_time(1.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert session.reason is CloseReason.SESSION_TIMEOUT
    hub.admit()


async def test_a_closed_conflated_hub_ends_every_session() -> None:
    """Also those that come later."""
    hub, session = opened(Limits())
    hub.close()
    assert session.reason is CloseReason.SERVER_SHUTDOWN
    hub.admit()
    late = Session(hub)
    hub.keep(late)
    assert late.reason is CloseReason.SERVER_SHUTDOWN
