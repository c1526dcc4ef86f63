"""What every journal does when lines, tasks, workers and producers are removed; to be used as ``JournalContract``."""

import time

from filters.matching import Matcher
from storage.journal.interface import (
    WATCH_PREFIX,
    Journal,
    ProducerNumber,
    Receipt,
    StreamClosed,
    TaskEnding,
)
from storage.journal.inventory import Removed
from tests.contracts.journal_contract import ERRORS, append, ends, remove
from tests.support.journal_items import AT, batch, messages, number, report


class RemovalContract:
    """Retention: what goes, what stays, and that numbers are never given again."""

    async def test_removed_lines_are_gone_and_the_rest_keeps_its_numbers(self, journal: Journal) -> None:
        """Whole chunks go, from the first on; what is left is read, counted and searched as before."""
        for n in range(10):
            await append(journal, batch(f"{n}a", f"{n}b", level="ERROR" if n % 2 else "INFO"))
        assert await remove(journal, "build", 9) == 8  # a chunk of two lines that ends after 9 stays whole
        state = await journal.task_state("build")
        assert (state.first, state.last) == (9, 20)
        assert await messages(journal) == [f"{n}{x}" for n in range(4, 10) for x in "ab"]
        selection = await journal.read("build", 3, 20, Matcher(), lines_max=2, bytes_max=1000)
        assert (selection.start, selection.end) == (8, 10)
        assert await journal.tail_start("build", 99, 20, Matcher()) == 8
        assert await journal.tail_start("build", 99, 20, ERRORS) == 8
        assert await journal.tail_start("build", 2, 20, ERRORS) == 18
        assert [record.first for record in await journal.records(0, bytes_max=1 << 20)] == list(range(9, 20, 2))

    async def test_a_task_that_is_wholly_removed_keeps_its_numbers(self, journal: Journal) -> None:
        """What is appended then continues after them; the end stands until then, without its record."""
        await append(journal, batch("a", "b"), report("COMPLETED"))
        assert await remove(journal, "build", 2) == 2
        state = await journal.task_state("build")
        assert (state.first, state.last) == (3, 2)
        assert state.ended is not None
        assert list(await journal.records(0, bytes_max=1 << 20)) == []
        assert await append(journal, batch("c")) == [Receipt(3, 3)]
        assert await messages(journal) == ["c"]
        assert (await journal.task_state("build")).first == 3

    async def test_whole_tasks_go_as_one_by_one(self, journal: Journal) -> None:
        """Their numbers and ends stay; workers go of those that have ended, and one with a later line stays whole."""
        await append(journal, batch("a", "b"), report("COMPLETED"), batch("x", task="open"), batch("1", task="late"))
        await append(journal, batch("2", task="late"))
        through = {"build": 2, "open": 1, "late": 1, "nothing": 3}
        taken = (await journal.remove_whole(through, copied=1 << 40)).task_ids
        for task in {"build", "open"}.difference(taken):  # a journal may leave some
            await remove(journal, task, through[task])
        states = [await journal.task_state(task) for task in ("build", "open", "late")]
        assert [(state.first, state.last) for state in states] == [(3, 2), (2, 1), (1, 2)]
        assert (states[0].ended is not None, states[1].ended) == (True, None)
        assert await journal.last_sequences(["build", "late", "nothing"]) == {"build": 2, "late": 2}
        assert await messages(journal, "late") == ["1", "2"]
        assert await append(journal, batch("c"), batch("y", task="open")) == [Receipt(3, 3), Receipt(2, 2)]
        await append(journal, report("COMPLETED", task="open"))
        assert (await journal.task_state("open")).ended is not None

    async def test_whole_tasks_that_no_sink_has_copied_stay(self, journal: Journal) -> None:
        """Their last lines or their ends."""
        await append(journal, batch("a"))
        await append(journal, batch("b", task="other"))
        await append(journal, TaskEnding("build", False, AT))
        ids = [record.id for record in await journal.records(0, bytes_max=1 << 20)]
        through = {"build": 1, "other": 1}
        assert not (await journal.remove_whole(through, copied=ids[0])).task_ids
        assert "build" not in (await journal.remove_whole(through, copied=ids[1])).task_ids
        assert await messages(journal) == ["a"]

    async def test_what_no_sink_has_copied_is_not_removed(self, journal: Journal) -> None:
        """Neither lines, nor those before an end that was not copied."""
        for text in "abc":
            await append(journal, batch(text))
        await append(journal, TaskEnding("build", False, AT))
        ids = [record.id for record in await journal.records(0, bytes_max=1 << 20)]
        assert await remove(journal, "build", 3, copied=0) == 0
        assert await remove(journal, "build", 3, copied=ids[1]) == 2
        assert await remove(journal, "build", 3, copied=ids[2]) == 0
        assert await remove(journal, "build", 3, copied=ids[3]) == 1
        assert await journal.remove_through("nothing", 3, copied=ids[3]) == Removed()

    async def test_ids_of_records_are_not_given_again(self, journal: Journal) -> None:
        """A sink that has copied what was removed continues with what comes."""
        await append(journal, batch("a"))
        before = journal.statistics.last_record
        await remove(journal, "build", 1)
        assert journal.statistics.last_record == before
        await append(journal, batch("b"))
        (record,) = await journal.records(before, bytes_max=1 << 20)
        assert record.first == 2

    async def test_the_inventory_says_what_is_there(self, journal: Journal) -> None:
        """Tasks that have lines, by id; chunks in order; bytes add up, and go with the lines."""
        await append(journal, batch("x" * 100, task="test"), report("RUNNING", task="empty"))
        for text in ("a" * 50, "b" * 80, "c" * 20):
            await append(journal, batch(text))
        await journal.mark(100)
        build, test = await journal.stored_tasks("", count_max=10)
        assert [(t.task_id, t.first, t.last) for t in (build, test)] == [("build", 1, 3), ("test", 1, 1)]
        chunks = await journal.stored_chunks("build", 0, count_max=10)
        assert [chunk.last for chunk in chunks] == [1, 2, 3]
        assert sum(chunk.bytes for chunk in chunks) == build.bytes
        assert (chunks[-1].record, test.last_record < chunks[0].record) == (build.last_record, True)
        assert await journal.stored_chunks("build", 1, count_max=1) == [chunks[1]]
        assert await journal.stored_tasks("build", count_max=1) == [test]
        removed = await journal.remove_through("build", 1, copied=chunks[0].record)
        (left, _) = await journal.stored_tasks("", count_max=10)
        assert (removed.lines, removed.bytes) == (1, chunks[0].bytes)
        assert (left.first, left.bytes) == (2, build.bytes - removed.bytes)

    async def test_chunks_are_as_old_as_the_next_mark(self, journal: Journal) -> None:
        """The journal's clock counts; what was not marked yet is of now. Marking twice changes nothing."""
        await journal.mark(50)
        await append(journal, batch("a", at="2001-01-01T00:00:00.000000000Z"))
        await append(journal, batch("b"))
        await journal.mark(100)
        await journal.mark(200)
        await append(journal, batch("c"))
        await journal.mark(300)
        await append(journal, batch("d"))
        chunks = await journal.stored_chunks("build", 0, count_max=10)
        assert [chunk.stored_at for chunk in chunks[:3]] == [100, 100, 300]
        assert chunks[3].stored_at > 1e9
        (task,) = await journal.stored_tasks("", count_max=10)
        assert (task.oldest_at, task.newest_at > 1e9) == (100, True)

    async def test_a_forgotten_worker_counts_as_new(self, journal: Journal) -> None:
        """With the last line of a task that has ended its workers go; a late one does not end it at once."""
        await append(journal, batch("a", worker="w1"), report("COMPLETED", "w1"))
        await remove(journal, "build", 1)
        await append(journal, batch("b", worker="w1"), StreamClosed("build"))
        assert (await journal.task_state("build")).ended is None
        await append(journal, report("FAILED", "w1"))
        ended = (await journal.task_state("build")).ended
        assert ended is not None
        assert (ended.last, ended.status) == (2, "FAILED")

    async def test_workers_of_an_open_task_are_kept(self, journal: Journal) -> None:
        """Or the first report would end a task that others still work on."""
        await append(journal, batch("a", worker="w1"), batch("b", worker="w2"))
        await remove(journal, "build", 2)
        await append(journal, report("COMPLETED", "w1"))
        assert (await journal.task_state("build")).ended is None

    async def test_the_row_of_an_emptied_task_goes_and_its_numbers_stay(self, journal: Journal) -> None:
        """Whoever holds a position of it reads on behind what is gone, and no number means another line."""
        await append(journal, batch("a", "b"), report("FAILED", reason="why"), batch("x", task="test"))
        assert await journal.forget_tasks(1e12, copied=1 << 40) == 0
        await remove(journal, "build", 2)
        assert await journal.forget_tasks(time.time(), copied=1 << 40) == 1
        assert await journal.forget_tasks(time.time(), copied=1 << 40) == 0
        state = await journal.task_state("build")
        assert (state.first, state.last) == (3, 2)
        assert state.ended is not None
        assert (state.ended.last, state.ended.status, state.ended.timestamp[:19]) == (2, "FAILED", AT[:19])
        gone = await journal.read("build", 0, 2, Matcher(), lines_max=9, bytes_max=999)
        assert (gone.start, gone.end, list(gone.lines)) == (2, 2, [])
        assert await append(journal, batch("c"), batch("y", task="test")) == [Receipt(3, 3), Receipt(2, 2)]
        assert await messages(journal, after=2) == ["c"]
        state = await journal.task_state("build")
        assert (state.first, state.last, state.ended) == (3, 3, None)

    async def test_an_end_that_no_sink_has_copied_keeps_its_task(self, journal: Journal) -> None:
        """Its row is written first."""
        await append(journal, batch("a"), batch("x", task="test"))
        await remove(journal, "build", 1)
        await append(journal, TaskEnding("build", failed=False, timestamp=AT))
        assert await journal.forget_tasks(1e12, copied=2) == 0
        assert [end.last for end in await ends(journal)] == [1]

    async def test_a_removed_task_that_is_opened_without_a_line_stays(self, journal: Journal) -> None:
        """A worker that runs again has opened it; its row is not taken from under it."""
        await append(journal, batch("a"), report("COMPLETED"), batch("x", task="test"))
        await remove(journal, "build", 1)
        await append(journal, report("RUNNING"))
        assert await journal.forget_tasks(time.time(), copied=1 << 40) == 0
        assert (await journal.task_state("build")).ended is None
        await append(journal, report("COMPLETED"))
        assert (await journal.task_state("build")).ended is not None

    async def test_silent_producers_are_forgotten(self, journal: Journal) -> None:
        """Those that stored something lately are not; a forgotten one starts at 1."""
        await append(journal, batch("a", producer=number(1)), batch("b", producer=number(2)))
        assert await journal.forget_producers(1000) == 0
        assert await journal.last_number("p") == 2
        assert await journal.forget_producers(1e12) == 1
        assert await journal.last_number("p") == 0
        (receipt,) = await append(journal, batch("c", producer=number(1)))
        assert not receipt.duplicate

    async def test_the_count_of_a_tables_rows_is_not_forgotten(self, journal: Journal) -> None:
        """The rows are still there, and would be taken for new ones."""
        watch = ProducerNumber(f"{WATCH_PREFIX}1", 1)
        await append(journal, batch("a", producer=watch))
        assert await journal.forget_producers(1e12) == 0
        assert await journal.last_number(watch.producer_id) == 1
