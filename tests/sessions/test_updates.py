"""Updates: merged, fanned out to who may see them, bounded."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

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


async def test_a_session_sees_what_it_may() -> None:
    """And listeners are told of everything."""
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


async def test_a_full_server_takes_no_more() -> None:
    """Sessions of updates count with all others."""
    hub = UpdateHub(admission=Admission(0))
    with pytest.raises(ServerFullError):
        hub.open(_all)
