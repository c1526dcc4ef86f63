"""Journal, hub, sessions, filters and seam, in any order of events, against a list and a comprehension.

Nothing happens by itself here: commits, their announcements to the hub, each question of a session to the journal, each
answer, and each flush are steps of their own, which hypothesis puts in any order.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sessions.catch_up_scheduler import CatchUpScheduler
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.session_state import SessionState
from sessions.subscription import Start, Subscription
from storage.errors import StorageError
from storage.journal.interface import Journal, ProducerNumber, Receipt, TaskEnding
from tests.model.failure_log import FailureLog
from tests.model.steps import LIMITS, PRODUCERS, READERS_MAX, TASKS, filters, index, producers, starts, tasks, times
from tests.support.journal_items import AT, batch, messages
from tests.support.line_list import LineList
from tests.support.model_reader import LineEncoding, ModelReader, PlannedError
from tests.support.scripted_history import settle
from tests.support.stepped_journal import SteppedJournal

__all__ = ["Interleavings"]

T = TypeVar("T")


class Interleavings(RuleBasedStateMachine):
    """Each subscriber gets every matching line once, in order, and a gap exactly where retention took lines.

    Whatever else raises, transport, encoding or journal, ends the sessions that needed it and no other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.unhandled: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.unhandled.append(context))
        self.failures = FailureLog()
        self.failed = 0
        self.faults = 0
        self.lines = LineList()
        self.readers: list[ModelReader] = []
        self.gone: list[tuple[ModelReader, Any]] = []
        self.sent = dict.fromkeys(PRODUCERS, 0)
        self.acknowledged = dict.fromkeys(PRODUCERS, 0)
        self.encoding = LineEncoding()
        self.log = logging.getLogger("sessions.session")
        self.log.addHandler(self.failures)
        self.log.propagate = False

    async def make_journal(self) -> Journal:
        """The same journal again if it was made before."""
        raise NotImplementedError

    async def leave_journal(self) -> None:
        """What the end of a process does to it."""

    def run(self, work: Awaitable[T]) -> T:
        async def settled() -> T:
            result = await work
            await settle()
            return result

        return self.loop.run_until_complete(settled())

    def do(self, act: Callable[[], object]) -> None:
        """Call something on the loop, and let everything run that needs no further step."""

        async def call() -> None:
            act()

        self.run(call())

    @initialize(
        counts=st.lists(st.integers(1, 4), max_size=8),
        readers=st.lists(st.tuples(starts, filters, st.booleans()), min_size=1, max_size=3),
    )
    def begin(self, counts: list[int], readers: list[tuple[Start, Any, bool]]) -> None:
        self.run(self.start())
        for count in counts:
            self.send("p", TASKS[0], count, "INFO", AT, 2)
        for start, log_filter, is_answered in readers:
            self.open(TASKS[0], start, log_filter, True, is_answered)

    async def start(self) -> None:
        self.journal = SteppedJournal(await self.make_journal())
        scheduler = CatchUpScheduler(lambda: False, clock=lambda: 0.0)  # nobody waits for time, and no slice ends
        self.hub = Hub(self.journal, LIMITS, history_errors=(StorageError, OSError), scheduler=scheduler)
        self.published = {task: (await self.journal.inner.task_state(task)).last for task in TASKS}
        self.failed = 0

    @rule(
        producer=producers,
        task=tasks,
        count=st.integers(1, 5),
        level=st.sampled_from(["INFO", "ERROR"]),
        at=times,
        steps=st.sampled_from([3, 3, 2, 2, 1, 1, 0]),
    )
    def send(self, producer: str, task: str, count: int, level: str, at: str, steps: int) -> None:
        self.sent[producer] += 1
        number = ProducerNumber(producer, self.sent[producer])
        texts = [f"{'ab'[n % 2]} {producer}{number.number}.{n}" for n in range(count)]
        worker = {"p": "w1", "q": "w2"}[producer]
        self.journal.append(batch(*texts, task=task, worker=worker, level=level, at=at, producer=number))
        if steps > 0:
            self.commit()
        while steps > 1 and self.journal.announcements:
            self.announce()
        if steps > 2:
            self.flush()

    @rule(producer=producers, task=tasks, back=st.integers(0, 3))
    def send_again(self, producer: str, task: str, back: int) -> None:
        number = ProducerNumber(producer, max(1, self.sent[producer] - back))
        self.sent[producer] = max(self.sent[producer], 1)
        self.journal.append(batch("a second time", task=task, producer=number))

    @rule(task=tasks, failed=st.booleans())
    def end_task(self, task: str, failed: bool) -> None:
        self.journal.append(TaskEnding(task, failed, AT))

    @rule(step=st.sampled_from(["commit", "announce", "announce", "flush"]))
    def step(self, step: str) -> None:
        getattr(self, step)()

    def commit(self) -> None:
        for item, result in self.run(self.journal.commit()):
            outcome = self.lines.apply(item)
            if outcome == "refused":
                assert isinstance(result, StorageError)
            else:
                assert isinstance(result, Receipt)
                assert result.duplicate == (outcome == "duplicate")
        self.rewind()

    def rewind(self) -> None:
        """Producers continue after what is stored, as they are notified when they come back."""
        for producer in PRODUCERS:
            stored = self.run(self.journal.inner.last_number(producer))
            assert stored == self.lines.numbers.get(producer, 0)
            assert stored >= self.acknowledged[producer]
            self.sent[producer] = self.acknowledged[producer] = stored

    def announce(self) -> None:
        if not self.journal.announcements:
            return
        committed = self.journal.announcements.popleft()
        for block in committed.blocks:
            self.published[block.task_id] = block.last
        self.do(lambda: self.hub.publish(committed))

    def flush(self) -> None:
        self.do(self.flush_now)

    def flush_now(self) -> None:
        self.hub.flush()

    @precondition(lambda self: len(self.readers) < READERS_MAX)
    @rule(task=tasks, start=starts, log_filter=filters, is_writable=st.booleans(), is_answered=st.booleans())
    def open(self, task: str, start: Start, log_filter: Any, is_writable: bool, is_answered: bool) -> None:
        self.do(lambda: self.connect(task, start, log_filter, is_writable))
        if is_answered:
            self.advance_all()

    def connect(self, task: str, start: Start, log_filter: Any, is_writable: bool) -> None:
        reader = ModelReader(self.lines, task, start, epoch=self.journal.epoch, head=self.published[task])
        reader.is_writable = is_writable
        self.readers.append(reader)
        reader.session = self.hub.open(Subscription(task, self.encoding, log_filter, start), reader)

    @precondition(lambda self: self.gone)
    @rule(index=index, forgotten=st.integers(0, 4), is_writable=st.booleans())
    def come_back(self, index: int, forgotten: int, is_writable: bool) -> None:
        reader, log_filter = self.gone.pop(index % len(self.gone))
        start = reader.next_start(forgotten, self.journal.epoch)
        self.do(lambda: self.connect(reader.task, start, log_filter, is_writable))

    @precondition(lambda self: self.readers)
    @rule(
        index=index,
        event=st.sampled_from(["block", "block", "resume", "resume", "be_silent", "leave", "change_filter"]),
        log_filter=filters,
    )
    def happen_to_a_reader(self, index: int, event: str, log_filter: Any) -> None:
        reader = self.readers[index % len(self.readers)]
        if event == "change_filter":
            self.do(lambda: reader.change_filter(log_filter))
        else:
            self.do(getattr(reader, event))

    @precondition(lambda self: self.readers)
    @rule(index=index, log_filters=st.lists(filters, min_size=1, max_size=3), is_back=st.booleans())
    def change_filters_between_flushes(self, index: int, log_filters: list[Any], is_back: bool) -> None:
        """A channel that others hold has been flushed less far than one that is joined only now."""
        reader = self.readers[index % len(self.readers)]
        assert reader.session is not None
        if is_back:
            log_filters = [*log_filters, reader.session.filter]
        self.send(PRODUCERS[0], reader.task, 2, "ERROR", AT, 2)
        for log_filter in log_filters:
            self.do(partial(reader.change_filter, log_filter))

    @precondition(lambda self: self.readers)
    @rule(index=index, log_filters=st.lists(filters, min_size=1, max_size=3))
    def change_filters_in_a_read(self, index: int, log_filters: list[Any]) -> None:
        """Before the journal works out an answer, or between that and the answer's arrival."""
        reader = self.readers[index % len(self.readers)]
        assert reader.session is not None
        self.do(reader.block)
        for level in ("INFO", "ERROR", "INFO"):  # more than its window has
            self.send(PRODUCERS[0], reader.task, 5, level, AT, 3)
        self.do(reader.resume)
        while self.journal.questions:
            if log_filters and reader.session.state is SessionState.READING:
                self.do(partial(reader.change_filter, log_filters.pop(0)))
            if self.journal.questions:
                self.run(self.journal.advance(0))

    @precondition(lambda self: self.readers)
    @rule(index=index, what=st.sampled_from(["transport", "encoding", "answer"]))
    def break_something(self, index: int, what: str) -> None:
        if what == "transport":
            self.readers[index % len(self.readers)].is_faulty = True
        elif what == "encoding":
            self.encoding.is_faulty = True
        elif self.journal.questions:
            self.faults += 1
            self.run(self.journal.advance(index, error=PlannedError("not even an error of the journal")))

    @precondition(lambda self: self.journal.questions)
    @rule(index=index, how=st.sampled_from(["a step", "a step", "wholly", "all of them", "failing"]))
    def answer(self, index: int, how: str) -> None:
        if how == "all of them":
            self.advance_all()
        elif how == "failing":
            self.run(self.journal.advance(index, error=OSError("unreadable")))
        else:
            self.run(self.journal.advance(index))
            if how == "wholly" and self.journal.questions:
                self.run(self.journal.advance(index))

    def advance_all(self) -> None:
        while self.journal.questions:
            self.run(self.journal.advance(0))

    @rule(task=tasks, share=st.integers(0, 4), steps=st.integers(1, 3), is_copied=st.integers(0, 3))
    def retain(self, task: str, share: int, steps: int, is_copied: int) -> None:
        self.run(self.remove(task, self.lines.last(task) * share // 4, steps, copied=1 << 40 if is_copied else 3))

    async def remove(self, task: str, sequence: int, steps: int, *, copied: int) -> None:
        inner = self.journal.inner
        before = self.lines.removed.get(task, 0)
        for _ in range(steps):
            removed = await inner.remove_through(task, sequence, copied=copied)
            state = await inner.task_state(task)
            assert state.last == self.lines.last(task)
            assert state.first - 1 == self.lines.removed.get(task, 0) + removed.lines
            assert state.first - 1 <= max(sequence, before)
            self.lines.removed[task] = state.first - 1

    @rule(is_late=st.booleans())
    def forget_emptied_tasks(self, is_late: bool) -> None:
        """Whoever comes back sees what it would have seen with the rows."""
        at = time.time() + (is_late and 100 * 86400)
        self.run(self.journal.inner.forget_tasks(at, copied=1 << 40))
        for task in TASKS:
            state = self.run(self.journal.inner.task_state(task))
            assert (state.first - 1, state.last) == (self.lines.removed.get(task, 0), self.lines.last(task))

    @rule()
    def restart(self) -> None:
        self.run(self.stop())
        self.run(self.start())
        self.rewind()

    async def stop(self) -> None:
        await self.hub.close()
        assert self.hub.admission.active == 0
        self.everyone_has_what_grep_gives()
        await self.leave_journal()

    @invariant()
    def everyone_has_what_grep_gives(self) -> None:
        if hasattr(self, "journal"):
            self.see_what_failed()
            self.see_who_left()
            for reader in self.readers:
                reader.check()

    def see_what_failed(self) -> None:
        """Who needed what could not be had has ended, nobody else has, and it was counted and logged once."""
        assert not self.unhandled, self.unhandled
        failed = [reader for reader in self.readers if reader.closed is CloseReason.INTERNAL]
        faults = self.faults + self.encoding.faults
        self.faults = self.encoding.faults = 0
        assert len({reader.task for reader in failed if not reader.is_broken}) <= faults, "an error of our own"
        self.failed += len(failed)
        assert self.hub.statistics.closed["INTERNAL"] == self.failed
        assert len(set(self.failures.sessions)) == len(self.failures.sessions), "logged more than once"

    def see_who_left(self) -> None:
        for reader in self.readers:
            if reader.closed is not None:
                reader.check()
                assert reader.session is not None
                self.gone.append((reader, reader.session.filter))
        self.readers = [reader for reader in self.readers if reader.closed is None]
        del self.gone[:-10]

    def teardown(self) -> None:
        try:
            if hasattr(self, "journal"):
                self.finish()
        finally:
            self.run(self.dispose())
            self.loop.close()

    async def dispose(self) -> None:
        """Leave nothing open."""
        self.log.removeHandler(self.failures)
        self.log.propagate = True
        if hasattr(self, "hub"):
            await self.hub.close()

    def finish(self) -> None:
        """Everything that waits happens; whoever is open comes to the end."""
        self.commit()
        while self.journal.announcements:
            self.announce()
        for _ in range(100):
            for reader in self.readers:
                self.do(reader.resume)
            self.do(self.flush_now)
            if not self.journal.questions:
                break
            self.advance_all()
        self.everyone_has_what_grep_gives()
        for reader in self.readers:
            reader.check_finished()
        for task in TASKS:
            removed = self.lines.removed.get(task, 0)
            stored = self.run(messages(self.journal.inner, task, lines_max=7, after=removed))
            assert stored == [line.message for line in self.lines.lines.get(task, [])[removed:]]
        self.run(self.stop())
