"""Several lanes: which one a task is in, in which order commits become visible, and what a gateway does with them."""

import asyncio

import asyncpg
import pytest

from storage.errors import DatabaseError
from storage.journal.interface import Committed, StageProgress
from storage.journal.postgres import PostgresJournal
from storage.journal.postgres.commit_call import StoredRange
from storage.journal.postgres.follower import channel_of
from storage.journal.postgres.lane_commits import Router
from storage.journal.postgres.lane_place import LanePlace
from storage.journal.postgres.lanes import lane_of
from storage.journal.postgres.relayed import RelayedCommit
from tests.contracts.journal_contract import append
from tests.support.journal_items import batch, messages, number
from tests.support.waiting import until

TASKS = ("build", "test", "deploy", "lint", "a", "b")

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("postgres")]


def test_a_task_is_in_one_lane_for_ever() -> None:
    """Gateways of all versions have to agree; with one lane there is no other."""
    assert [lane_of(task, 8) for task in TASKS] == [3, 4, 2, 4, 3, 1]
    assert {lane_of(task, 1) for task in TASKS} == {0}


def test_a_producers_appends_stay_on_one_way_while_any_waits() -> None:
    """Its numbers are stored in their order; once none waits, it may go where its next task is."""
    router = Router(8, 8)
    items = [batch("x", task=task, producer=number(n, "p")) for n, task in enumerate(("build", "test", "deploy"), 1)]
    assert [router.enter(item) for item in items] == [3, 3, 3]
    assert router.enter(batch("x", task="b")) == 1
    for item in items:
        router.leave(item)
    assert router.enter(batch("x", task="deploy", producer=number(4, "p"))) == 2


def test_a_task_stays_on_the_way_where_it_waits() -> None:
    """Unless its producer waits elsewhere: then the database has to put them in order."""
    router = Router(8, 8)
    assert router.enter(batch("x", task="build", producer=number(1, "p"))) == 3
    assert router.enter(batch("x", task="test", producer=number(2, "p"))) == 3
    assert router.enter(batch("x", task="test")) == 3
    assert router.enter(batch("x", task="b", producer=number(1, "q"))) == 1
    assert router.enter(batch("x", task="test", producer=number(2, "q"))) == 1


def test_a_lane_is_passed_over_only_as_far_as_nothing_is_missing() -> None:
    """What this gateway stored, and what came over Redis, waits for what was stored before it."""
    place = LanePlace(0, 10, 0)
    place.committed(StoredRange(14, 19, 0, 0))
    place.received(RelayedCommit("b", "", 12, 14, []))
    assert (place.position, place.lag, place.next_received()) == (10, 9, None)
    place.pass_over(12)
    taken = place.next_received()
    assert taken is not None
    assert (taken.position, place.position, place.lag) == (14, 19, 0)


@pytest.mark.parametrize(("created", "wanted"), [(1, 2), (3, 1)])
async def test_lanes_are_given_once(url: str, created: int, wanted: int) -> None:
    """Another number is refused in one sentence; without one, a gateway takes that of the database."""
    await (await PostgresJournal.open(url, lanes=created)).close()
    with pytest.raises(DatabaseError, match=f"was created with {created} lanes?, which stays so; JOURNAL_LANES is"):
        await PostgresJournal.open(url, lanes=wanted)
    journal = await PostgresJournal.open(url)
    await append(journal, *(batch("x", task=task) for task in TASKS))
    link = await asyncpg.connect(url)
    found = dict(await link.fetch("SELECT task_id, lane FROM journal_tasks"))
    await link.close()
    await journal.close()
    assert found == {task: lane_of(task, created) for task in TASKS}


async def test_two_gateways_and_producers_of_many_tasks_keep_every_order(url: str) -> None:
    """Numbers of a producer, sequences of a task, and records of all lanes, whatever is committed at once."""
    journals = [await PostgresJournal.open(url, lanes=3) for _ in range(2)]
    receipts = await asyncio.gather(
        *(
            journals[producer % 2].append(
                batch(f"{producer} {n}", task=TASKS[n % 6], producer=number(n, f"p{producer}"))
            )
            for n in range(1, 25)
            for producer in range(4)
        )
    )
    assert not any(receipt.duplicate for receipt in receipts)
    records = await journals[0].records(0, bytes_max=1 << 20)
    ids = [record.id for record in records]
    assert ids == sorted(set(ids))
    for task in TASKS:
        stored = await messages(journals[1], task)
        assert len(stored) == 16
        lines = [line.decode() for record in records if record.task_id == task for line in record.lines]
        assert len(lines) == 16
        for producer in range(4):
            mine = [int(line.split()[1]) for line in stored if line.startswith(f"{producer} ")]
            assert mine == sorted(mine)
    for journal in journals:
        await journal.close()


async def test_records_in_their_order_wait_for_a_commit_that_is_under_way(url: str) -> None:
    """A sink that has seen a later number would pass over it; the history takes no such number for the newest."""
    journal = await PostgresJournal.open(url, lanes=2)
    psql = await asyncpg.connect(url)
    held = psql.transaction()
    await held.start()
    await psql.execute("SELECT pg_advisory_xact_lock(journal_lane_lock(), 0)")  # as a commit does, before its numbers
    await append(journal, batch("x", task="build"))
    assert lane_of("build", 2) == 1
    reads = [asyncio.ensure_future(each) for each in (journal.records(0, bytes_max=1), journal.settled_record())]
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    await until(lambda: psql.fetchval(waiting), "a read waits")
    assert not any(read.done() for read in reads)
    await held.rollback()
    await psql.close()
    (record,) = await reads[0]
    assert (record.task_id, record.id) == ("build", await reads[1])
    await journal.close()


async def test_a_notification_of_nobody_knows_whom_is_passed_over(url: str) -> None:
    """Whoever may connect to the database may notify; a hint that says nothing is none."""
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    journal = await PostgresJournal.open(url, lanes=2)
    journal.follow(lambda _: None, list)
    await until(lambda: journal.follower_statistics.is_listening, "it listens")
    psql = await asyncpg.connect(url)
    channel = await channel_of(psql)
    for payload in ("", "x", "1", "9 0 7", "1 1 x", "9 0 1"):
        await psql.execute("SELECT pg_notify($1, $2)", channel, payload)
    await until(lambda: journal.follower_statistics.notified, "the last one was heard")
    assert (journal.follower_statistics.notified, errors) == (1, [])
    await psql.close()
    await journal.close()


async def test_lines_and_stages_of_all_lanes_are_followed(url: str) -> None:
    """Each task in its order; transitions of a pipeline in theirs; and the lag of each lane is known."""
    here, there = [await PostgresJournal.open(url, lanes=3) for _ in range(2)]
    heard: list[Committed] = []
    there.follow(heard.append, lambda: TASKS)
    here.follow(lambda _: None, list)
    for n in range(4):
        stages = [StageProgress(pipeline, f"s{n}", b"{}") for pipeline in ("pipe", "line")]
        await append(here, *(batch(f"{n}", task=task) for task in TASKS), *stages)
    await until(lambda: sum(len(each.blocks) for each in heard) == 24, "all lines have come")
    await until(lambda: sum(len(each.progress) for each in heard) == 8, "all transitions have come")
    for task in TASKS:
        blocks = [block for each in heard for block in each.blocks if block.task_id == task]
        assert [block.first for block in blocks] == [1, 2, 3, 4]
    assert [each.number for one in heard for each in one.progress if each.pipeline_id == "pipe"] == [1, 2, 3, 4]
    assert there.lane_lags == (0, 0, 0)
    assert there.figures["laneLags"] == "0 0 0"
    for journal in (here, there):
        await journal.close()
