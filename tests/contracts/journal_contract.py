"""What every journal does. A test class of an implementation derives from this and provides the fixture ``journal``."""

import asyncio
from dataclasses import replace

import pytest

from filters.entry import decode_lines
from filters.matching import Matcher
from filters.model import LogFilter
from storage.errors import StorageClosedError, StorageUnavailableError
from storage.journal.interface import (
    Append,
    Committed,
    Journal,
    ProducerNumber,
    Receipt,
    StageProgress,
    StreamClosed,
    TaskEnded,
    TaskEnding,
    WorkerRegistered,
)
from tests.support.journal_items import AT, batch, messages, number, report

ERRORS = Matcher(LogFilter(levels=("ERROR",)))


async def append(journal: Journal, *items: Append) -> list[Receipt]:
    return list(await asyncio.gather(*[journal.append(item) for item in items]))


async def ends(journal: Journal) -> list[TaskEnded]:
    """Every end on record, in commit order."""
    return [record.ended for record in await journal.records(0, bytes_max=1 << 30) if record.ended is not None]


async def remove(journal: Journal, task: str, sequence: int, *, copied: int = 1 << 40) -> int:
    """Remove in steps; how many lines went."""
    lines = 0
    while not (removed := await journal.remove_through(task, sequence, copied=copied)).is_done:
        lines += removed.lines
    return lines + removed.lines


class JournalContract:
    """The rules of ``storage.journal.interface.Journal``."""

    async def test_sequences_of_a_task_count_from_one_without_holes(self, journal: Journal) -> None:
        """Each task counts its own lines, whichever workers they come from."""
        receipts = await append(journal, batch("a", "b"), batch("x", task="test"), batch("c", worker="w2"))
        assert receipts == [Receipt(1, 2), Receipt(1, 1), Receipt(3, 3)]
        assert await messages(journal) == ["a", "b", "c"]
        assert await messages(journal, "test") == ["x"]

    async def test_an_empty_batch_stores_its_number_only(self, journal: Journal) -> None:
        """A batch without lines takes no sequence, but is counted."""
        assert await append(journal, batch(producer=number(1))) == [Receipt()]
        assert await journal.last_number("p") == 1
        assert (await journal.task_state("build")).last == 0

    async def test_a_stored_number_is_a_duplicate(self, journal: Journal) -> None:
        """Sending a batch again stores nothing and says so."""
        await append(journal, batch("a", producer=number(1)))
        (receipt,) = await append(journal, batch("a", producer=number(1)))
        assert receipt.duplicate
        assert (receipt.first, receipt.last) == (0, 0)
        assert await messages(journal) == ["a"]
        assert journal.statistics.duplicates == 1

    async def test_a_number_is_a_duplicate_within_one_commit(self, journal: Journal) -> None:
        """Two appends with one number may wait for the same commit."""
        items = [batch(text, producer=number(n)) for text, n in (("a", 1), ("a", 1), ("b", 2), ("a", 1), ("b", 2))]
        receipts = await append(journal, *items)
        assert [receipt.duplicate for receipt in receipts] == [False, True, False, True, True]
        assert await messages(journal) == ["a", "b"]

    async def test_a_number_that_leaves_one_out_is_refused(self, journal: Journal) -> None:
        """Or sending what is missing would look like a repetition. Nobody else in the commit is touched by it."""
        await append(journal, batch("a", producer=number(1)))
        gap, behind, other = (
            journal.append(batch("c", producer=number(3))),
            journal.append(batch("d", producer=number(4))),
            journal.append(batch("x", task="test")),
        )
        assert (await other).last == 1
        for refused in (gap, behind):
            with pytest.raises(StorageUnavailableError, match="2 was not"):
                await refused
        assert await journal.last_number("p") == 1
        await append(journal, *[batch(text, producer=number(n)) for n, text in enumerate("bcd", 2)])
        assert await messages(journal) == ["a", "b", "c", "d"]

    async def test_numbers_may_have_holes_of_their_own(self, journal: Journal) -> None:
        """A producer that says which number comes before may leave some out; only that one must be stored."""
        sent = [
            batch("a", producer=ProducerNumber("p", 7, previous=0)),
            batch("b", producer=ProducerNumber("p", 30, previous=7)),
            batch("b", producer=ProducerNumber("p", 30, previous=7)),
            batch("c", producer=ProducerNumber("p", 50, previous=40)),
        ]
        *stored, refused = await asyncio.gather(*[journal.append(item) for item in sent], return_exceptions=True)
        assert stored == [Receipt(1, 1), Receipt(2, 2), Receipt(duplicate=True)]
        assert isinstance(refused, StorageUnavailableError)
        assert await journal.last_number("p") == 30

    async def test_rows_of_the_table_leave_the_tasks_end_as_it_is(self, journal: Journal) -> None:
        """They are no worker's: an ended task has ended again after them, an open one stays open."""
        await append(journal, batch("1"), report("COMPLETED", reason="done"))
        rows = [replace(batch(text, worker="table"), from_table=True) for text in "23"]
        other = replace(batch("x", task="other", worker="table"), from_table=True)
        await append(journal, *rows, other)
        state = await journal.task_state("build")
        assert state.ended == TaskEnded("build", 3, "COMPLETED", AT, "done", through_status=True)
        assert (await journal.task_state("other")).ended is None
        assert [end.last for end in await ends(journal)] == [1, 3]

    async def test_a_worker_opens_what_rows_of_the_table_did_not(self, journal: Journal) -> None:
        """A worker's line, or its running again, in the same commit as rows of the table opens the task for good."""
        await append(journal, batch("1"), report("COMPLETED"))
        row = replace(batch("2", worker="table"), from_table=True)
        await append(journal, row, report("RUNNING"))
        assert (await journal.task_state("build")).ended is None
        await append(journal, report("COMPLETED"))
        await append(journal, replace(batch("3", worker="table"), from_table=True), batch("4"))
        assert (await journal.task_state("build")).ended is None

    async def test_numbers_belong_to_their_producer(self, journal: Journal) -> None:
        """Producers count independently; an unknown one is at 0."""
        await append(journal, batch("a", producer=number(1)), batch("b", producer=number(1, "q")))
        await append(journal, batch("a", producer=number(2)))
        assert [await journal.last_number(producer) for producer in ("p", "q", "r")] == [2, 1, 0]

    async def test_the_listener_hears_before_the_futures(self, journal: Journal) -> None:
        """Who has a receipt can rely on the line having been handed on."""
        heard: list[Committed] = []
        journal.set_commit_listener(heard.append)
        future = journal.append(batch("a", "b"))
        counts: list[int] = []
        future.add_done_callback(lambda _: counts.append(sum(len(c.blocks) for c in heard)))
        await future
        await asyncio.sleep(0)
        assert counts == [1]
        (block,) = heard[0].blocks
        assert (block.task_id, block.first, block.last) == ("build", 1, 2)
        assert [entry.message for entry in block.entries()] == ["a", "b"]
        assert [entry.sequence for entry in decode_lines(block.lines)] == [1, 2]

    async def test_commits_are_heard_in_order(self, journal: Journal) -> None:
        """The blocks of a task follow each other, commit after commit."""
        seen: list[int] = []
        journal.set_commit_listener(
            lambda committed: seen.extend(s for block in committed.blocks for s in range(block.first, block.last + 1))
        )
        for _ in range(20):
            futures = [journal.append(batch("a", "b")) for _ in range(5)]
            await futures[-1]
        assert seen == list(range(1, 201))

    async def test_a_cancelled_append_is_stored_all_the_same(self, journal: Journal) -> None:
        """Who stops waiting does not undo the append, and disturbs nobody."""
        impatient = journal.append(batch("a"))
        impatient.cancel()
        await append(journal, batch("b"))
        assert await messages(journal) == ["a", "b"]

    async def test_an_unknown_task_has_no_lines(self, journal: Journal) -> None:
        """Reading what does not exist is no error."""
        state = await journal.task_state("nothing")
        assert (state.first, state.last, state.ended) == (1, 0, None)
        selection = await journal.read("nothing", 0, 0, Matcher(), lines_max=10, bytes_max=100)
        assert (selection.end, list(selection.lines)) == (0, [])
        assert await journal.tail_start("nothing", 5, 0, Matcher()) == 0

    async def test_a_page_has_at_most_so_many_lines(self, journal: Journal) -> None:
        """Pages join without a seam, wherever they are cut."""
        expected = [str(n) for n in range(100)]
        for start in range(0, 100, 10):
            await append(journal, batch(*expected[start : start + 10]))
        for lines_max in (1, 7, 10, 99, 1000):
            assert await messages(journal, lines_max=lines_max) == expected
        selection = await journal.read("build", 5, 50, Matcher(), lines_max=7, bytes_max=1 << 20)
        assert (selection.start, selection.end, selection.sequences) == (5, 12, range(6, 13))

    async def test_a_page_has_about_so_many_bytes(self, journal: Journal) -> None:
        """A page is bounded in bytes, and has a line in any case."""
        await append(journal, *[batch("x" * 1000) for _ in range(10)])
        selection = await journal.read("build", 0, 10, Matcher(), lines_max=100, bytes_max=3000)
        assert 1 <= len(selection.lines) <= 3
        selection = await journal.read("build", 0, 10, Matcher(), lines_max=100, bytes_max=1)
        assert len(selection.lines) == 1

    async def test_a_read_ends_at_upto(self, journal: Journal) -> None:
        """A reader that asks up to a line gets nothing after it."""
        await append(journal, batch(*"abcdef"))
        selection = await journal.read("build", 1, 4, Matcher(), lines_max=100, bytes_max=1 << 20)
        assert [entry.message for entry in decode_lines(selection.lines)] == ["b", "c", "d"]
        assert selection.end == 4

    async def test_a_filtered_read_gives_what_matches(self, journal: Journal) -> None:
        """Whatever does not match is passed over, and the reader's place moves on."""
        await append(journal, batch("a", "b"), batch("c", level="ERROR"), batch("d"), batch("e", "f", level="ERROR"))
        for lines_max in (1, 2, 10):
            assert await messages(journal, matcher=ERRORS, lines_max=lines_max) == ["c", "e", "f"]
        selection = await journal.read("build", 0, 6, ERRORS, lines_max=1, bytes_max=1 << 20)
        assert list(selection.sequences) == [3]

    async def test_a_filter_without_matches_moves_the_reader(self, journal: Journal) -> None:
        """A selection without lines still says how far it got."""
        await append(journal, batch(*"abc"))
        selection = await journal.read("build", 0, 3, ERRORS, lines_max=10, bytes_max=1000)
        assert (selection.end, list(selection.lines), list(selection.sequences)) == (3, [], [])

    async def test_the_tail_counts_matching_lines(self, journal: Journal) -> None:
        """``tail`` is counted in lines that the filter lets through."""
        for n in range(30):
            await append(journal, batch(str(n), level="ERROR" if n % 10 == 0 else "INFO"))  # lines 1, 11, 21
        assert await journal.tail_start("build", 3, 30, Matcher()) == 27
        assert await journal.tail_start("build", 2, 30, ERRORS) == 10
        assert await journal.tail_start("build", 2, 20, ERRORS) == 0
        assert await journal.tail_start("build", 9, 30, ERRORS) == 0
        assert await journal.tail_start("build", 0, 30, ERRORS) == 30
        assert await journal.tail_start("build", 99, 30, Matcher()) == 0

    async def test_a_task_ends_when_all_its_workers_have(self, journal: Journal) -> None:
        """Workers count from the moment that they register, report or send a line."""
        await append(journal, WorkerRegistered("build", "w1", {}), batch("a", worker="w2"), report("RUNNING", "w3"))
        await append(journal, report("COMPLETED", "w1"), report("TERMINATED", "w2"))
        assert (await journal.task_state("build")).ended is None
        await append(journal, report("COMPLETED", "w3", reason="done"))
        ended = (await journal.task_state("build")).ended
        assert ended == TaskEnded("build", 1, "COMPLETED", AT, "done", through_status=True)

    async def test_a_task_failed_if_one_worker_did(self, journal: Journal) -> None:
        """The reason is the failed worker's, whoever was the last to report."""
        await append(journal, batch("a", worker="w2"), report("FAILED", "w1", reason="exit 2"))
        assert await ends(journal) == []
        await append(journal, report("COMPLETED", "w2", reason="ok"))
        assert await ends(journal) == [TaskEnded("build", 1, "FAILED", AT, "exit 2", through_status=True)]

    async def test_a_worker_that_runs_again_opens_what_reports_ended(self, journal: Journal) -> None:
        """Not every worker has reported a final status any more; an end that the native wire declared stands."""
        await append(journal, report("FAILED"), report("RUNNING"))
        assert (await journal.task_state("build")).ended is None
        await append(journal, report("COMPLETED"))
        assert [ended.status for ended in await ends(journal)] == ["FAILED", "COMPLETED"]
        await append(journal, TaskEnding("native", False, AT), report("RUNNING", task="native"))
        assert (await journal.task_state("native")).ended is not None

    async def test_a_native_end_needs_no_worker(self, journal: Journal) -> None:
        """The native wire ends a task, whatever its workers reported."""
        await append(journal, batch("a"), TaskEnding("build", True, AT, "boom"))
        assert (await journal.task_state("build")).ended == TaskEnded("build", 1, "FAILED", AT, "boom")

    async def test_a_new_line_opens_a_task_again(self, journal: Journal) -> None:
        """Its commit says so; the task ends again after that line."""
        heard: list[Committed] = []
        journal.set_commit_listener(heard.append)
        await append(journal, batch("a"), TaskEnding("build", False, AT))
        await append(journal, batch("b"))
        assert list(heard[-1].opened) == ["build"]
        assert (await journal.task_state("build")).ended is None
        await append(journal, TaskEnding("build", False, AT))
        assert [ended.last for ended in await ends(journal)] == [1, 2]

    async def test_ending_twice_is_one_end(self, journal: Journal) -> None:
        """Without lines in between there is no second record."""
        await append(journal, batch("a"), report("COMPLETED"))
        await append(journal, report("COMPLETED"), TaskEnding("build", True, AT), StreamClosed("build"))
        assert [ended.status for ended in await ends(journal)] == ["COMPLETED"]

    async def test_lines_behind_the_last_report_end_with_their_stream(self, journal: Journal) -> None:
        """A worker's status stays when it sends more lines; the end of the stream looks at it again."""
        await append(journal, batch("a"), report("COMPLETED"))
        await append(journal, batch("b"))
        assert (await journal.task_state("build")).ended is None
        await append(journal, StreamClosed("build"))
        state = await journal.task_state("build")
        assert state.ended is not None
        assert (state.ended.last, state.ended.status) == (2, "COMPLETED")

    async def test_a_closed_stream_alone_ends_nothing(self, journal: Journal) -> None:
        """Neither for a task without workers, nor for one whose worker is still running."""
        await append(journal, StreamClosed("nothing"), batch("a"), StreamClosed("build"))
        assert await ends(journal) == []

    async def test_an_end_taken_back_in_its_own_commit_is_not_announced(self, journal: Journal) -> None:
        """Sinks see it on record; live subscribers would be asked to go while lines are coming."""
        heard: list[Committed] = []
        await append(journal, batch("warm up", task="other"))
        journal.set_commit_listener(heard.append)
        await append(journal, batch("a"), TaskEnding("build", False, AT), batch("b"))
        state = await journal.task_state("build")
        assert (state.last, state.ended) == (2, None)
        announced = [ended for committed in heard for ended in committed.ended]
        opened = [task for committed in heard for task in committed.opened]
        assert len(announced) == len(opened)

    async def test_registering_twice_is_harmless(self, journal: Journal) -> None:
        """The second time, the worker was known."""
        item = WorkerRegistered("build", "w1", {"node": "n1"})
        assert [r.created for r in await append(journal, item, item)] == [True, False]
        assert [r.created for r in await append(journal, item)] == [False]

    async def test_stages_keep_their_last_state(self, journal: Journal) -> None:
        """Transitions are numbered per pipeline; the state of a stage is its last one."""
        heard: list[Committed] = []
        journal.set_commit_listener(heard.append)
        for stage, document in (("build", b"1"), ("test", b"2"), ("build", b"3")):
            await append(journal, StageProgress("pipe", stage, document))
        await append(journal, StageProgress("other", "build", b"4"))
        stages = await journal.stages("pipe")
        assert [(s.stage_id, s.document, s.number) for s in stages] == [("test", b"2", 2), ("build", b"3", 3)]
        assert [p.number for committed in heard for p in committed.progress] == [1, 2, 3, 1]

    async def test_records_come_in_commit_order(self, journal: Journal) -> None:
        """A sink sees lines of all tasks in the order of their commits, ends after their lines."""
        await append(journal, batch("a", "b"), TaskEnding("build", False, AT))
        await append(journal, batch("x", task="test"))
        await append(journal, batch("c"))
        records = await journal.records(0, bytes_max=1 << 20)
        assert [(r.task_id, r.first, len(r.lines), r.ended and r.ended.last) for r in records] == [
            ("build", 1, 2, None),
            ("build", 0, 0, 2),
            ("test", 1, 1, None),
            ("build", 3, 1, None),
        ]
        ids = [record.id for record in records]
        assert ids == sorted(set(ids))
        assert list(await journal.records(ids[1], bytes_max=1 << 20)) == records[2:]
        assert list(await journal.records(ids[-1], bytes_max=1 << 20)) == []

    async def test_records_are_bounded_in_bytes(self, journal: Journal) -> None:
        """A page has one record at least, however large it is."""
        for _ in range(3):
            await append(journal, batch("x" * 1000))
        assert len(await journal.records(0, bytes_max=1)) == 1

    async def test_any_text_survives(self, journal: Journal) -> None:
        """Line feeds, NUL, escapes and every script come back as they went in."""
        texts = ["line\nfeed\r\n", "nul\0", "\x1b[31mred\x1b[0m", "작업 완료 🎉", "\u2028\u2029", "", '"quoted"\\']
        await append(journal, batch(*texts))
        assert await messages(journal) == texts

    async def test_statistics_count_what_was_stored(self, journal: Journal) -> None:
        """Nothing waits once everything is acknowledged."""
        await append(journal, batch("a", "b"), batch("c"))
        statistics = journal.statistics
        assert (statistics.lines, statistics.waiting_lines, statistics.waiting_bytes) == (3, 0, 0)
        assert statistics.commits >= 1
        assert statistics.error == ""

    async def test_a_backlog_closes_and_opens_the_gate(self, journal: Journal) -> None:
        """Above the limit readers of producers wait, and nothing of what was appended is lost."""
        futures = [journal.append(batch("x" * 100_000)) for _ in range(30)]
        assert not journal.is_writable
        await journal.wait_writable()
        assert journal.is_writable
        await asyncio.gather(*futures)
        assert (await journal.task_state("build")).last == 30

    async def test_closing_stores_what_waits(self, journal: Journal) -> None:
        """What was appended before is stored; what comes after is refused. Closing twice is once."""
        future = journal.append(batch("a"))
        await journal.close()
        assert (await future).last == 1
        await journal.close()
        with pytest.raises(StorageClosedError):
            await journal.append(batch("b"))

    async def test_the_epoch_is_eight_hexadecimal_digits(self, journal: Journal) -> None:
        """Positions are written with it."""
        assert len(journal.epoch) == 8
        assert set(journal.epoch) <= set("0123456789abcdef")

    async def test_producers_number_everything(self, journal: Journal) -> None:
        """Reports, ends and stages are stored once, like lines."""
        items: list[Append] = [
            WorkerRegistered("build", "w1", {}, number(1)),
            TaskEnding("build", False, AT, producer=number(2)),
            StageProgress("pipe", "s", b"{}", producer=number(3)),
            StreamClosed("build", number(4)),
        ]
        assert not any(receipt.duplicate for receipt in await append(journal, *items))
        assert all(receipt.duplicate for receipt in await append(journal, *items))
        assert len(await ends(journal)) == 1
        assert [stage.number for stage in await journal.stages("pipe")] == [1]
