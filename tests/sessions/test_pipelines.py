"""Pipelines: current state first, then transitions, without gap or repetition, in bounded memory."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from filters.position import Position
from sessions.admission import Admission, ServerFullError
from sessions.close_reasons import CloseReason
from sessions.pipelines import PipelineHub, PipelineLimits, PipelineSession
from sessions.transport import Progress
from tests.support.scripted_stages import EPOCH, ScriptedStages, Stage


def make_hub(history: ScriptedStages, **limits: float) -> PipelineHub:
    return PipelineHub(history, PipelineLimits(**limits), admission=Admission(10))  # type: ignore[arg-type]


def commit(history: ScriptedStages, hub: PipelineHub, *stages: str) -> None:
    hub.publish([history.store("p", stage) for stage in stages])


def told(changes: Sequence[Progress]) -> list[tuple[str, int]]:
    return [(change.stage_id, change.number) for change in changes]


async def test_a_subscriber_first_gets_the_present_state_of_every_stage() -> None:
    """Not what happened before; then each transition."""
    history = ScriptedStages()
    hub = make_hub(history)
    commit(history, hub, "build", "test", "build")
    session = hub.open("p")
    assert told(await anext(session)) == [("test", 2), ("build", 3)]
    commit(history, hub, "deploy")
    assert told(await anext(session)) == [("deploy", 4)]
    assert session.position == 4


async def test_a_subscriber_of_an_unknown_pipeline_waits_for_its_first_transition() -> None:
    """There is nothing to tell before."""
    history = ScriptedStages()
    hub = make_hub(history)
    next_changes = asyncio.ensure_future(anext(hub.open("p")))
    await history.asked.wait()
    commit(history, hub, "build")
    assert told(await next_changes) == [("build", 1)]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (Position(2, EPOCH), [("build", 3)]),
        (Position(2), [("build", 3)]),
        (Position(2, "ffffffff"), [("test", 2), ("build", 3)]),
        (Position(0, EPOCH), [("test", 2), ("build", 3)]),
    ],
)
async def test_a_subscriber_resumes_behind_its_position(after: Position, expected: list[tuple[str, int]]) -> None:
    """Unless the position is of another life of the journal."""
    history = ScriptedStages()
    hub = make_hub(history)
    commit(history, hub, "build", "test", "build")
    assert told(await anext(hub.open("p", after=after))) == expected


async def test_a_position_beyond_the_end_hides_nothing() -> None:
    """Nobody gave it out; what comes is told."""
    history = ScriptedStages()
    hub = make_hub(history)
    commit(history, hub, "build")
    session = hub.open("p", after=Position(900))
    next_changes = asyncio.ensure_future(anext(session))
    await history.asked.wait()
    await asyncio.sleep(0)
    commit(history, hub, "test")
    assert told(await next_changes) == [("test", 2)]


async def test_a_subscriber_that_keeps_up_never_reads_the_journal_again() -> None:
    """Nor does one that resumes within the window."""
    history = ScriptedStages()
    hub = make_hub(history)
    session = hub.open("p")
    commit(history, hub, "build")
    await anext(session)
    for _ in range(20):
        commit(history, hub, "test")
        await anext(session)
    assert history.reads == 1
    assert told(await anext(hub.open("p", after=Position(20, EPOCH)))) == [("test", 21)]
    assert history.reads == 1


async def test_one_that_fell_out_of_the_window_gets_the_present_state_of_what_changed() -> None:
    """Its picture is right; what happened in between is not told."""
    history = ScriptedStages()
    hub = make_hub(history, window_transitions=4)
    session = hub.open("p")
    commit(history, hub, "build", "test")
    await anext(session)
    commit(history, hub, *["test"] * 50, "deploy")
    assert told(await anext(session)) == [("test", 52), ("deploy", 53)]
    assert hub.statistics.pipelines == 1


async def test_the_window_is_bounded_in_bytes() -> None:
    """Large documents leave room for fewer of them."""
    history = ScriptedStages()
    hub = make_hub(history, window_bytes=1000)
    session = hub.open("p")
    for _ in range(50):
        hub.publish([history.store("p", "build", b"x" * 400)])
    assert hub.statistics.window_bytes <= 1000
    assert told(await anext(session)) == [("build", 50)]


async def test_silence_gives_an_empty_sequence() -> None:
    """So that the transport can send a heartbeat; the session continues."""
    history = ScriptedStages()
    hub = make_hub(history, heartbeat_seconds=0.01)
    session = hub.open("p")
    assert await anext(session) == ()
    commit(history, hub, "build")
    assert told(await anext(session)) == [("build", 1)]


async def test_a_closed_session_ends_its_iteration() -> None:
    """Also while it waits; closing twice is harmless."""
    hub = make_hub(ScriptedStages())
    session = hub.open("p")
    waiting = asyncio.ensure_future(_collect(session))
    await asyncio.sleep(0)
    hub.close()
    hub.close()
    assert await waiting == []
    assert session.reason is CloseReason.SERVER_SHUTDOWN
    assert hub.admission.active == 0
    assert hub.open("p").reason is CloseReason.SERVER_SHUTDOWN


async def test_there_are_at_most_as_many_sessions_as_allowed() -> None:
    """The next is refused; a place that was given back can be taken."""
    hub = PipelineHub(ScriptedStages(), admission=Admission(1))
    session = hub.open("p")
    with pytest.raises(ServerFullError):
        hub.open("q")
    session.close(CloseReason.CLIENT_GONE)
    hub.open("q").close(CloseReason.CLIENT_GONE)


async def test_time_ends_a_session() -> None:
    """When its token expires, and when its client takes too long to read what it was given."""
    hub = make_hub(ScriptedStages(), timeout_seconds=60)
    expiring = hub.open("p", expires_at=1000.0)
    expiring.check(0.0, 999.0)
    assert expiring.reason is None
    expiring.check(0.0, 1000.0)
    assert expiring.reason is CloseReason.TOKEN_EXPIRED
    slow = hub.open("p")
    slow.check(asyncio.get_running_loop().time() + 61, 0.0)
    assert slow.reason is CloseReason.SESSION_TIMEOUT


async def test_a_journal_that_cannot_be_read_ends_the_session() -> None:
    """The client is to come back."""
    history = ScriptedStages(error=OSError("disk"))
    session = make_hub(history).open("p")
    assert await _collect(session) == []
    assert session.reason is CloseReason.STORAGE_UNAVAILABLE


@pytest.mark.parametrize("seed", range(30))
async def test_the_seam_neither_loses_nor_repeats(seed: int) -> None:
    """Whenever the journal answers, and whenever a commit is announced, the numbers told only grow, and at the end the
    subscriber's picture is the journal's.
    """
    chance = random.Random(seed)
    history = ScriptedStages()
    hub = make_hub(history, window_transitions=chance.choice([1, 3, 100]))
    after = chance.choice([Position(), Position(2, EPOCH), Position(7)])
    session = hub.open("p", after=after)
    picture: dict[str, int] = {}
    numbers: list[int] = []

    async def read() -> None:
        async for changes in session:
            for change in changes:
                numbers.append(change.number)
                picture[change.stage_id] = change.number
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)

    reading = asyncio.ensure_future(read())
    unannounced: list[Stage] = []
    for _ in range(60):
        match chance.randrange(5):
            case 0 | 1:
                unannounced.append(history.store("p", chance.choice("abcd")))
            case 2:
                hub.publish(unannounced)
                unannounced = []
            case 3:
                history.gate.clear() if chance.random() < 0.5 else history.gate.set()
            case 4:
                await asyncio.sleep(0)
    history.gate.set()
    hub.publish(unannounced)
    for _ in range(50):
        await asyncio.sleep(0)
    hub.close()
    await reading
    assert numbers == sorted(set(numbers))
    latest = {stage.stage_id: stage.number for stage in history.transitions}
    assert {k: v for k, v in latest.items() if k in picture} == picture
    assert all(number <= after.sequence for stage, number in latest.items() if stage not in picture)
    assert session.position == max(latest.values())


async def _collect(session: PipelineSession) -> list[Progress]:
    return [change async for changes in session for change in changes]
