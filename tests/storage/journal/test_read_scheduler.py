"""Reads of the journal in fair turns."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from filters.read_owner import ReadOwner
from storage.errors import StorageClosedError
from storage.journal.read_scheduler import FairOrder, ReadKind, ReadScheduler
from tests.support.waiting import WAIT_SECONDS_MAX

SCANNER, READER = ReadOwner("greedy", "1"), ReadOwner("modest", "1")


class Bench:
    """A scheduler whose one thread for scans can be held, and the order in which reads were run."""

    def __init__(self) -> None:
        self.scheduler = ReadScheduler(2)
        self.ran: list[str] = []
        self.release = threading.Event()
        self.begun = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def hold(self, kind: ReadKind = ReadKind.SCAN, owner: ReadOwner = SCANNER) -> None:
        """Have a read run until ``release`` is set."""
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def query() -> None:
            loop.call_soon_threadsafe(begun.set)
            assert self.release.wait(WAIT_SECONDS_MAX)

        self.tasks.append(asyncio.create_task(self.scheduler.run(kind, owner, query)))
        await begun.wait()

    async def ask(self, name: str, owner: ReadOwner, kind: ReadKind = ReadKind.SCAN) -> asyncio.Task[None]:
        """Ask for a read, which begins when it is its turn."""
        self.tasks.append(asyncio.create_task(self.scheduler.run(kind, owner, lambda: self.ran.append(name))))
        await asyncio.sleep(0)
        return self.tasks[-1]

    async def order(self) -> list[str]:
        """Let everything run, and say in which order it did."""
        self.release.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        return self.ran


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.release.set()
    made.scheduler.close()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    await asyncio.to_thread(made.scheduler.join)


async def test_a_lookup_does_not_wait_for_reads(bench: Bench) -> None:
    """Whatever they are, and however many."""
    await bench.hold()
    await bench.hold(ReadKind.PAGE)
    await (await bench.ask("lookup", READER, ReadKind.LOOKUP))
    assert bench.ran == ["lookup"]


async def test_a_page_does_not_wait_for_scans(bench: Bench) -> None:
    """One thread is always left to reads that find what they read."""
    await bench.hold()
    for number in range(10):
        await bench.ask(f"scan {number}", SCANNER)
    await (await bench.ask("page", SCANNER, ReadKind.PAGE))
    assert bench.ran == ["page"]


async def test_a_principal_with_many_readers_has_no_more_turns(bench: Bench) -> None:
    """A second principal's first read is the next, its later ones alternate with the others'."""
    await bench.hold()
    for number in range(3):
        await bench.ask(f"greedy {number}", ReadOwner("greedy", str(number)))
    await bench.ask("modest", READER)
    assert (await bench.order())[0] == "modest"


async def test_a_new_reader_goes_before_those_that_have_read(bench: Bench) -> None:
    """Within a principal as well: without credentials, all readers are one."""
    await bench.hold(owner=ReadOwner("", "scanner"))
    await bench.ask("scanner", ReadOwner("", "scanner"))
    await bench.ask("new", ReadOwner("", "new"))
    assert await bench.order() == ["new", "scanner"]


async def test_a_reader_that_has_gone_is_not_read_for(bench: Bench) -> None:
    """Cancelled before its turn, it costs nothing."""
    await bench.hold()
    (await bench.ask("gone", SCANNER)).cancel()
    await bench.ask("there", SCANNER)
    assert await bench.order() == ["there"]


async def test_an_error_is_for_who_asked(bench: Bench) -> None:
    """The thread continues with the next read."""

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await bench.scheduler.run(ReadKind.SCAN, SCANNER, fail)
    await bench.ask("next", SCANNER)
    assert await bench.order() == ["next"]


async def test_closing_refuses_what_has_not_begun(bench: Bench) -> None:
    """What runs is finished."""
    await bench.hold()
    waiting = await bench.ask("waiting", SCANNER)
    bench.scheduler.close()
    with pytest.raises(StorageClosedError):
        await waiting
    with pytest.raises(StorageClosedError):
        await bench.scheduler.run(ReadKind.SCAN, SCANNER, lambda: None)
    assert await bench.order() == []


@pytest.mark.parametrize("other", [ReadOwner("other", "1"), ReadOwner("greedy", "2")], ids=["principal", "reader"])
async def test_principals_and_readers_are_forgotten_when_nobody_reads(bench: Bench, other: ReadOwner) -> None:
    """Who has read much before goes before nobody, and after nobody."""
    for _ in range(10):
        await bench.scheduler.run(ReadKind.SCAN, SCANNER, lambda: None)
    await bench.hold(owner=ReadOwner("holding", "1"))
    await bench.ask("has read", SCANNER)
    await bench.ask("has not", other)
    assert await bench.order() == ["has read", "has not"]


def test_fair_order_gives_each_key_the_same_work() -> None:
    """A key with small pieces has more turns than one with large ones."""
    order: FairOrder[str] = FairOrder()
    work = {"small": 1.0, "large": 4.0}
    turns = []
    for _ in range(20):
        turns.append(order.first(work))
        order.charge(turns[-1], work[turns[-1]])
    assert turns.count("small") == 4 * turns.count("large")


def test_fair_order_gives_no_credit_for_idleness() -> None:
    """Who comes back after a long time does not hold up the others for as long."""
    order: FairOrder[str] = FairOrder()
    for _ in range(100):
        order.charge(order.first(["busy"]), 1.0)
    turns = []
    for _ in range(4):
        turns.append(order.first(["busy", "idle"]))
        order.charge(turns[-1], 1.0)
    assert turns.count("idle") in (2, 3)
