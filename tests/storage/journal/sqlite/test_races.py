"""The races of docs/architecture.md that are won at the database: each test forces every outcome."""

import threading
from pathlib import Path

import pytest

from storage.errors import DatabaseInUseError, StorageClosedError, StorageUnavailableError
from storage.journal.interface import Committed, Receipt
from storage.journal.sqlite import SqliteJournal
from storage.sqlite.write_lock import WriteLock
from tests.support.crash import WatchedConnection, crash
from tests.support.journal_items import batch, messages, number
from tests.support.sqlite_connections import replace_writing


@pytest.mark.parametrize("point", ["before the commit", "before the acknowledgement", "after it"])
async def test_commit_acknowledgement_and_crash(journal: SqliteJournal, tmp_path: Path, point: str) -> None:
    """Killed anywhere, the producer sends again what it has no answer for: stored once."""
    path = tmp_path / "otto.db"
    left: list[Path] = []

    def at(place: str) -> None:
        if place == point:
            left.append(crash(path))

    await journal.append(batch("a", producer=number(1)))
    moments = (lambda: at("before the commit"), lambda: at("before the acknowledgement"))
    replace_writing(journal, lambda found: WatchedConnection(found, *moments))
    await journal.append(batch("b", producer=number(2)))
    at("after it")
    after = await SqliteJournal.open(left[0], durability="process")
    is_stored = point != "before the commit"
    assert await messages(after) == (["a", "b"] if is_stored else ["a"])
    receipt = await after.append(batch("b", producer=number(2)))
    assert receipt.duplicate == is_stored
    assert await messages(after) == ["a", "b"]
    await after.close()


@pytest.mark.parametrize("is_visible", [False, True])
async def test_commit_visible_and_crash(journal: SqliteJournal, tmp_path: Path, is_visible: bool) -> None:
    """Killed before a line is visible, it may be stored or not; whoever has seen it finds it."""
    path = tmp_path / "otto.db"
    left: list[Path] = []
    seen: list[int] = []

    def see(committed: Committed) -> None:
        seen.extend(block.last for block in committed.blocks)
        left.append(crash(path))

    if is_visible:
        journal.set_commit_listener(see)
    else:
        replace_writing(journal, lambda found: WatchedConnection(found, lambda: left.append(crash(path)), lambda: None))
    await journal.append(batch("a"))
    after = await SqliteJournal.open(left[0], durability="process")
    assert (await after.task_state("build")).last == len(seen) == int(is_visible)
    await after.close()


@pytest.mark.parametrize("first", ["older", "newer"])
@pytest.mark.parametrize("is_one_commit", [True, False])
async def test_two_streams_of_one_producer(journal: SqliteJournal, first: str, is_one_commit: bool) -> None:
    """Whichever stream's batch comes first is stored; the other's is a duplicate, in the same commit or a later one."""
    other = "newer" if first == "older" else "older"
    futures = []
    for stream in (first, other):
        futures.append(journal.append(batch("the line", worker=stream, producer=number(1))))
        if not is_one_commit:
            await futures[-1]
    assert [(await future).duplicate for future in futures] == [False, True]
    (record,) = await journal.records(0, bytes_max=1 << 20)
    assert f'"{first}"'.encode() in record.lines[0]


@pytest.mark.parametrize("place", [0, 1, 2, None])
async def test_one_bad_item_and_its_group(journal: SqliteJournal, place: int | None) -> None:
    """First, last, in the middle or not there: the others are stored in their order, the bad one says why."""
    texts = ["a", "b", "c"]
    if place is not None:
        texts[place] = "\ud800"
    futures = [journal.append(batch(text)) for text in texts]
    for index, future in enumerate(futures):
        if index == place:
            with pytest.raises(StorageUnavailableError, match="could not store"):
                await future
        else:
            assert isinstance(await future, Receipt)
    assert await messages(journal) == [text for text in texts if text != "\ud800"]


@pytest.mark.parametrize(("holder", "order"), [("background", "journal sink"), ("urgent", "journal sink")])
def test_journal_and_sink_on_one_file(holder: str, order: str) -> None:
    """Anyone who has the lock keeps it for its transaction; of those who wait, the journal goes first."""
    lock = WriteLock()
    done: list[str] = []
    coming = threading.Barrier(3)

    def sink() -> None:
        coming.wait()
        with lock.background():
            done.append("sink")

    def journal() -> None:
        coming.wait()
        with lock.urgent():
            done.append("journal")

    threads = [threading.Thread(target=sink), threading.Thread(target=journal)]
    with getattr(lock, holder)():
        for thread in threads:
            thread.start()
        coming.wait()
        while not lock.is_wanted:
            pass
        assert done == []
    for thread in threads:
        thread.join()
    assert done == order.split()


@pytest.mark.parametrize("first", ["append", "shutdown"])
async def test_shutdown_and_append(journal: SqliteJournal, tmp_path: Path, first: str) -> None:
    """What was appended before is stored and answered; what comes after is refused and not stored."""
    if first == "append":
        future = journal.append(batch("a"))
        await journal.close()
        assert (await future).last == 1
    else:
        await journal.close()
        with pytest.raises(StorageClosedError):
            await journal.append(batch("a"))
    again = await SqliteJournal.open(tmp_path / "otto.db")
    assert (await again.task_state("build")).last == int(first == "append")
    await again.close()


@pytest.mark.parametrize("is_closed_first", [False, True])
async def test_two_gateways_on_one_file(journal: SqliteJournal, tmp_path: Path, is_closed_first: bool) -> None:
    """The second one comes while the first has it, and does not start; or after its end, and does."""
    if is_closed_first:
        await journal.close()
        second = await SqliteJournal.open(tmp_path / "otto.db")
        assert (await second.append(batch("a"))).last == 1
        await second.close()
    else:
        with pytest.raises(DatabaseInUseError, match="another gateway is running"):
            await SqliteJournal.open(tmp_path / "otto.db")
        assert (await journal.append(batch("a"))).last == 1
