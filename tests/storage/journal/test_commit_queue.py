"""Who is in the next commit."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.journal.commit_queue import ITEM_BYTES, FairCommitQueue
from storage.journal.interface import Append, Receipt, StreamClosed
from tests.support.journal_items import batch, number, report


@pytest.fixture
def backlog() -> FairCommitQueue:
    return FairCommitQueue()


@pytest.fixture(scope="module")
def future() -> Iterator["asyncio.Future[Receipt]"]:
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


def lines(task: str, *, size: int = 1_000, count: int = 1) -> Append:
    made = batch("x", task=task)
    made.size = size * count
    return made


def taken(backlog: FairCommitQueue, **limits: int) -> list[Append]:
    return [item for item, _ in backlog.take(**{"items_max": 1_000, "bytes_max": 1_000_000, **limits})]


def test_what_fits_in_is_taken_in_the_order_of_arrival(
    backlog: FairCommitQueue, future: "asyncio.Future[Receipt]"
) -> None:
    """Anyone who sent it."""
    items = [lines(task) for task in "abcab"]
    for item in items:
        backlog.put(item, future)
    assert taken(backlog) == items
    assert (len(backlog), backlog.size) == (0, 0)


def test_a_lone_line_is_in_the_next_commit(backlog: FairCommitQueue, future: "asyncio.Future[Receipt]") -> None:
    """Whatever another producer has put in before it."""
    for _ in range(1_000):
        backlog.put(lines("heavy", size=100_000), future)
    lone = lines("light")
    backlog.put(lone, future)
    assert lone in taken(backlog, bytes_max=1_000_000)


def test_lanes_get_equal_shares(backlog: FairCommitQueue, future: "asyncio.Future[Receipt]") -> None:
    """In bytes, over several commits, whatever the size of their appends."""
    for task, size, count in (("small", 1_000, 2_000), ("large", 60_000, 30)):
        for _ in range(count):
            backlog.put(lines(task, size=size), future)
    got = {"small": 0, "large": 0}
    for _ in range(5):
        for item in taken(backlog, bytes_max=300_000):
            got[item.task_id] += item.size + ITEM_BYTES  # type: ignore[union-attr]
    assert got["small"] == pytest.approx(got["large"], rel=0.25)


def test_more_than_a_group_may_have_is_one_by_itself(
    backlog: FairCommitQueue, future: "asyncio.Future[Receipt]"
) -> None:
    """An append is never cut."""
    backlog.put(lines("a", size=5_000), future)
    backlog.put(lines("b", size=5_000), future)
    assert [len(taken(backlog, bytes_max=100)) for _ in range(3)] == [1, 1, 0]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["lines", "report", "closed", "numbered"])), max_size=60)
)
def test_nothing_overtakes_within_a_task_or_a_producer(
    future: "asyncio.Future[Receipt]", arrivals: list[tuple[str, str]]
) -> None:
    """A status report must not pass the lines before it, nor a number the one below it."""
    backlog = FairCommitQueue()
    sent: dict[str, list[Append]] = {}
    for index, (task, kind) in enumerate(arrivals, 1):
        made: dict[str, Append] = {
            "lines": lines(task),
            "report": report("COMPLETED", task=task),
            "closed": StreamClosed(task),
            "numbered": batch("x", task=task, producer=number(index, f"producer-{task}")),
        }
        lane = f"producer-{task}" if kind == "numbered" else task
        sent.setdefault(lane, []).append(made[kind])
        backlog.put(made[kind], future)
    stored: dict[str, list[Append]] = {}
    while len(backlog):
        for item in taken(backlog, bytes_max=2_500, items_max=4):
            lane = item.producer.producer_id if item.producer else item.task_id  # type: ignore[union-attr]
            stored.setdefault(lane, []).append(item)
    assert {lane: [id(i) for i in items] for lane, items in stored.items()} == {
        lane: [id(i) for i in items] for lane, items in sent.items()
    }
