"""Updates: merged, fanned out to who may see them, bounded."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import looptime
import pytest

from sessions.admission import Admission, ServerFullError
from sessions.close_reasons import CloseReason
from sessions.updates import Update, UpdateHub, UpdateLimits, UpdateType
from tests.support.moved_clock import pass_time


def _hub(**limits: Any) -> UpdateHub:
    return UpdateHub(UpdateLimits(**{"merge_seconds": 0.02, **limits}), admission=Admission(10))


def _update(script: str | None = "s", execution: str | None = None, **fields: Any) -> Update:
    return Update(type=UpdateType.WORKFLOW_COMPLETED, script_id=script, execution_id=execution, **fields)


def _all(_script: str | None) -> bool:
    return True


async def test_repeats_are_one_update_that_leaves_at_the_end() -> None:
    """Of the same type, script and execution; the newest says what it says. Others are updates of their own."""
    hub = _hub()
    session = hub.open(_all)
    for update in (_update(), _update(script_name="이름"), _update("other"), _update(execution="e")):
        hub.publish(update)
    pass_time(hub.limits.merge_seconds)
    assert await anext(session) == (_update(script_name="이름"), _update("other"), _update(execution="e"))
    assert (hub.statistics.raised, hub.statistics.merged) == (4, 1)
    hub.publish(_update())
    assert await anext(session) == (_update(),)
    hub.close()


async def test_the_payload_has_what_there_is() -> None:
    """In camel case, without what is not known."""
    assert _update().json() == b'{"type":"workflowExecutionCompleted","scriptId":"s"}'
    counts = Update(type=UpdateType.ALL_SCRIPTS_COMPLETED, success_count=0, fail_count=2, total_count=2)
    assert counts.json() == b'{"type":"allScriptsExecutionCompleted","successCount":0,"failCount":2,"totalCount":2}'


async def test_an_error_of_one_costs_nobody_elses_updates() -> None:
    """A session whose rights cannot be told ends, a listener hears of the next ones; the others get all."""
    hub, told = _hub(), list[Update]()

    def fail(*_: object) -> Any:
        raise RuntimeError("an error of one")

    def listen(updates: Sequence[Update]) -> int:
        told.extend(updates)
        return 0

    broken, sound = hub.open(fail), hub.open(_all)
    hub.add_listener(fail)
    hub.add_listener(listen)
    for script in ("a", "b"):
        hub.publish(_update(script))
        assert await anext(sound) == (_update(script),)
    assert (told, broken.reason) == ([_update("a"), _update("b")], CloseReason.INTERNAL)
    assert hub.statistics.sessions == 1
    hub.close()


async def test_a_session_sees_what_it_may() -> None:
    """And listeners are notified of everything."""
    hub, told = _hub(), list[Update]()

    def listen(updates: Sequence[Update]) -> int:
        told.extend(updates)
        return 0

    hub.add_listener(listen)
    session = hub.open(lambda script: script == "mine")
    for script in ("theirs", None, "mine"):
        hub.publish(_update(script))
    assert await anext(session) == (_update("mine"),)
    assert len(told) == 3
    hub.close()


async def test_a_slow_session_keeps_the_newest_of_each() -> None:
    """So many, and what is dropped is counted."""
    hub = _hub(merge_seconds=0.0, unread_max=2)
    session = hub.open(_all)
    for number in range(4):
        hub.publish(_update(str(number)))
    while hub.statistics.dropped < 2:
        await asyncio.sleep(0)
    assert [update.script_id for update in await anext(session)] == ["2", "3"]
    hub.close()


async def test_too_many_different_updates_leave_early() -> None:
    """Nothing is lost; the oldest is not merged any more."""
    hub = _hub(merge_seconds=60, waiting_max=2)
    session = hub.open(_all)
    for number in range(4):
        hub.publish(_update(str(number)))
    assert [update.script_id for update in await anext(session)] == ["0", "1"]
    hub.close()


def test_an_update_leaves_at_the_end_of_its_time() -> None:
    """Repeats do not put it off, and what is due a little later leaves with the next fifth of the time."""

    async def main() -> list[tuple[float, Sequence[str | None]]]:
        hub, left = _hub(merge_seconds=1.0), list[tuple[float, Sequence[str | None]]]()
        loop = asyncio.get_running_loop()

        def listen(updates: Sequence[Update]) -> int:
            left.append((round(loop.time(), 6), [update.script_id for update in updates]))
            return 0

        hub.add_listener(listen)
        for script in ("a", "b", "a", "c"):
            hub.publish(_update(script))
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        hub.publish(_update("a"))
        await asyncio.sleep(1)
        assert hub.statistics.merged == 1
        hub.close()
        return left

    loop = looptime.patch_event_loop(asyncio.new_event_loop(), start=0)
    try:
        left = loop.run_until_complete(main())
    finally:
        loop.close()
    assert left == [(1.0, ["a"]), (1.2, ["b"]), (1.4, ["c"]), (3.4, ["a"])]


async def test_what_is_dropped_is_counted_over_everybody() -> None:
    """For each session, and what listeners say of themselves."""
    hub = _hub(merge_seconds=0.0, unread_max=1)
    hub.add_listener(lambda updates: len(updates))
    sessions = [hub.open(_all) for _ in range(2)]
    for rest in range(1, 4):
        hub.publish(_update(str(rest)))
        while hub.statistics.dropped < rest + 2 * (rest - 1):
            await asyncio.sleep(0)
    assert hub.statistics.dropped == 3 + 2 * 2
    assert [[update.script_id for update in await anext(session)] for session in sessions] == [["3"], ["3"]]
    hub.close()


async def test_an_update_that_is_not_read_yet_is_replaced_by_its_repeat() -> None:
    """It is then the newest, so that it is the last to be dropped."""
    hub = _hub(unread_max=2)
    session = hub.open(_all)
    dropped = [session.offer([_update(script)]) for script in ("a", "b", "a", "c")]
    assert dropped == [0, 0, 0, 1]
    assert [update.script_id for update in await anext(session)] == ["a", "c"]
    hub.close()


async def test_a_session_ends_with_its_reason() -> None:
    """With its token, with the hub, or by its owner; its place is given back once."""
    hub = _hub(heartbeat_seconds=0.01)
    expired = hub.open(_all, expires_at=time.time() + 0.001)
    assert [updates async for updates in expired if updates] == []
    assert expired.reason is CloseReason.TOKEN_EXPIRED
    session = hub.open(_all)
    assert await anext(session) == ()  # a heartbeat
    hub.close()
    hub.close()
    assert [update async for update in session] == []
    assert session.reason is CloseReason.SERVER_SHUTDOWN
    assert hub.open(_all).reason is CloseReason.SERVER_SHUTDOWN
    assert hub.admission.active == 0


async def test_a_session_whose_token_has_expired_ends_at_once() -> None:
    """However long a heartbeat would have been away; what has ended is no session any more."""
    hub = _hub(heartbeat_seconds=3600.0)
    session, other = hub.open(_all, expires_at=time.time() - 1), hub.open(_all)
    assert [updates async for updates in session] == []
    assert (session.reason, hub.statistics.sessions) == (CloseReason.TOKEN_EXPIRED, 1)
    other.close(CloseReason.SERVER_SHUTDOWN)
    assert (hub.statistics.sessions, hub.admission.active) == (0, 0)
    hub.close()


async def test_a_full_server_takes_no_more() -> None:
    """Sessions of updates count with all others."""
    hub = UpdateHub(admission=Admission(0))
    with pytest.raises(ServerFullError) as caught:
        hub.open(_all)
    assert caught.value.limit == 0
    assert str(caught.value) == "the gateway holds as many sessions as it may (0); try again later"
