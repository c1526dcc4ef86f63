"""The journal as everything else sees it: what goes in, what comes out, and the interface of a store.

The journal is the truth; the hub, the polling tables and every cursor are derived from it. It has one writer. What is
appended while a commit runs gathers and goes into the next one: that is the group commit.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from filters.block import Block, Selection
from filters.entry import LogEntry
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from storage.errors import StorageError
from storage.journal.inventory import Inventory, Removed, RemovedTasks
from storage.journal.statistics import JournalStatistics

__all__ = [
    "WATCH_PREFIX",
    "Ancestor",
    "Append",
    "Committed",
    "DamagedLines",
    "Journal",
    "LineBatch",
    "ProducerNumber",
    "Receipt",
    "Record",
    "Settled",
    "StageProgress",
    "StreamClosed",
    "TailStep",
    "TaskEnded",
    "TaskEnding",
    "TaskState",
    "WorkerRegistered",
    "WorkerReport",
]


WATCH_PREFIX: Final = "job_logs:"
"""How the ids of producers begin that count the rows of a table; those of the wires have a ``/`` before any colon."""


@dataclass(frozen=True, slots=True)
class ProducerNumber:
    """The number that a producer gave an append; numbers of one producer grow by one, from 1.

    A number that leaves one out is refused (``StorageUnavailableError``): where an append could not be stored, nothing
    that its producer sent after it may be, or sending it again would look like a repetition.

    A producer whose numbers have holes of their own, as rows of a table have, says with ``previous`` which number comes
    before; an append is then refused where that one is not stored.

    ``producer_id`` is already qualified with the principal it belongs to, so that nobody can use up another's numbers.
    """

    producer_id: str
    number: int
    previous: int | None = None


@dataclass(slots=True)
class LineBatch:
    """Lines of one worker of one task, in order. The writer sets the entries' ``sequence``.

    Without entries only the producer's number is stored, and the task and worker are not looked at: that is how the
    number of a request that cannot be stored is used up.
    """

    task_id: str
    worker_id: str
    entries: list[LogEntry]
    size: int
    """Bytes that these entries count for while they wait for a commit: messages, plus a fixed amount a line."""
    received_at: float
    """``time.monotonic()`` when the batch reached the gateway."""
    producer: ProducerNumber | None = None
    from_table: bool = False
    """Rows that another program inserted into ``job_logs``. Nobody's worker wrote them: the task is no different for
    them, and where it has ended, it has ended again after them."""


@dataclass(frozen=True, slots=True)
class WorkerRegistered:
    """A worker announced itself; registering twice is harmless."""

    task_id: str
    worker_id: str
    metadata: dict[str, Any]
    producer: ProducerNumber | None = None


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A worker's status: ``CREATED``, ``RUNNING``, ``COMPLETED``, ``FAILED`` or ``TERMINATED``."""

    task_id: str
    worker_id: str
    status: str
    timestamp: str
    reason: str = ""
    metadata: dict[str, str] | None = None
    producer: ProducerNumber | None = None


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """A producer's stream of lines ended.

    Lines may arrive after their worker's last status report, on another connection; they open the task again. Once
    their stream has closed, the reports that were already there end it.
    """

    task_id: str
    producer: ProducerNumber | None = None


@dataclass(frozen=True, slots=True)
class TaskEnding:
    """The native wire says that the task has ended, whatever its workers reported."""

    task_id: str
    failed: bool
    timestamp: str
    reason: str = ""
    producer: ProducerNumber | None = None


@dataclass(frozen=True, slots=True)
class StageProgress:
    """The state of one stage of a pipeline.

    ``document`` is the camelCase JSON object that subscribers receive. ``number`` counts the transitions of one
    pipeline from 1 and is 0 until stored.
    """

    pipeline_id: str
    stage_id: str
    document: bytes
    number: int = 0
    producer: ProducerNumber | None = None


Append = LineBatch | WorkerRegistered | WorkerReport | StreamClosed | TaskEnding | StageProgress


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one append. ``duplicate``: its number was on disk before, and nothing was stored again.

    ``first`` and ``last`` are the sequences given to a batch's lines (0 for a duplicate and for what has no lines).
    ``created`` is False for a ``WorkerRegistered`` whose worker was known.
    """

    first: int = 0
    last: int = 0
    duplicate: bool = False
    created: bool = True


Settled: TypeAlias = Callable[[Receipt | StorageError], None]
"""Hears what became of an append; called on the event loop, must not block or raise."""


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task has ended after its line ``last``. ``status`` is ``COMPLETED`` or ``FAILED``.

    ``through_status`` tells an end that followed from the workers' reports from one that the native wire declared.
    """

    task_id: str
    last: int
    status: str
    timestamp: str
    reason: str = ""
    through_status: bool = False


@dataclass(frozen=True, slots=True)
class TaskState:
    """What exists of a task: its lines ``first..last`` (1 and 0: none yet), and its end, if it has one."""

    task_id: str
    first: int = 1
    last: int = 0
    ended: TaskEnded | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What one transaction stored, in order; ``blocks`` of one task are consecutive.

    ``opened`` names tasks that had ended and were opened again by this commit's lines. ``is_gathered``: it waited for
    more to come, and so will the next one, which is some milliseconds away.
    """

    blocks: Sequence[Block] = ()
    ended: Sequence[TaskEnded] = ()
    progress: Sequence[StageProgress] = ()
    opened: Sequence[str] = ()
    is_gathered: bool = False


class Ancestor(NamedTuple):
    """A former life of a journal that went back in time: its epoch, and the last record that is left of it."""

    epoch: str
    record: int


class TailStep(NamedTuple):
    """How far the search for a tail got: ``left`` lines are to be found up to ``upto``, unless it is done."""

    upto: int
    left: int
    is_done: bool


@dataclass(frozen=True, slots=True)
class DamagedLines:
    """Lines that were stored and cannot be read any more; ``first`` is beyond ``last`` for the end of a task."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """One stored record in commit order over all tasks, as sinks copy it: lines, or the end of a task.

    ``id`` only grows. ``lines`` start at sequence ``first``. Where the disk has damaged a record, ``damaged`` says what
    is missing, and there are neither lines nor an end.
    """

    id: int
    task_id: str
    first: int = 0
    lines: Sequence[bytes] = ()
    ended: TaskEnded | None = None
    damaged: DamagedLines | None = None


class Journal(Inventory, Protocol):
    """The durable, ordered record of all entries by task. All methods belong to the event loop's thread."""

    @property
    def epoch(self) -> str:
        """Eight hexadecimal digits that name this life of the journal."""
        ...

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        """Queue something for the next commit; never blocks.

        The future is done after the commit and after the commit listener was called. It raises
        ``StorageUnavailableError`` where the item was not stored and may be sent again.
        """
        ...

    def submit(self, item: Append, settled: Settled) -> None:
        """The same without a future, for those who append often: ``settled`` is called in the turn of the commit.

        It is called once for each append, in their order, after the commit listener; an append that is refused at once
        settles in a later turn.
        """
        ...

    @property
    def is_writable(self) -> bool:
        """False while more bytes wait for a commit than the limit allows; readers of producers then pause."""
        ...

    @property
    def fullness(self) -> float:
        """What waits for a commit, as a share of the limit: 0.0 nothing, 1.0 where producers are paused."""
        ...

    async def wait_writable(self) -> None:
        """Return once the backlog has drained below half of its limit."""
        ...

    def set_commit_listener(self, listener: Callable[[Committed], None]) -> None:
        """``listener`` is called on the event loop once per commit, in commit order."""
        ...

    async def task_state(self, task_id: str) -> TaskState:
        """What exists of a task; an unknown task has no lines."""
        ...

    async def read(
        self,
        task_id: str,
        after: int,
        upto: int,
        matcher: Matcher,
        *,
        lines_max: int,
        bytes_max: int,
        owner: ReadOwner = NOBODY,
    ) -> Selection:
        """The matching lines of a stretch that starts after ``after`` and ends at ``upto`` or earlier.

        At most ``lines_max`` matching lines and about ``bytes_max`` bytes of them; ``Selection.end`` says how far it
        got and is beyond ``after`` wherever ``upto`` is. Where retention removed lines, ``Selection.start`` is later
        than ``after``. Where the disk has damaged them, it is too, there are no lines, and ``Selection.is_damaged``.

        Reads are shared out fairly among owners. Cancelling one that has not begun costs nothing.
        """
        ...

    async def tail_start(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> int:
        """The position after which exactly the last ``count`` matching lines up to ``upto`` are (or all there are)."""
        ...

    async def last_number(self, producer_id: str) -> int:
        """The highest number of a producer that is on disk; 0 for an unknown one."""
        ...

    async def stages(self, pipeline_id: str) -> Sequence[StageProgress]:
        """The last known state of every stage, ordered by ``number``."""
        ...

    async def records(self, after: int, *, bytes_max: int) -> Sequence[Record]:
        """The records after ``after`` in commit order, at least one where there is any, about ``bytes_max`` bytes."""
        ...

    async def mark(self, at: float) -> None:
        """Note that everything stored so far was stored at or before ``at``, in Unix seconds.

        That is how old chunks are: the times in the lines are those of the workers' clocks.
        """
        ...

    async def remove_through(self, task_id: str, sequence: int, *, copied: int) -> Removed:
        """Remove the first chunks of a task, as far as they end at ``sequence`` or before it; one small step.

        Call it until ``Removed.is_done``. The task's ``first`` moves on; ``last`` and the end of the task stay, for
        sequences are never given twice. The records of ends go with the lines before them, the workers of a task
        that has ended with its last line: one that sends a line after that counts as new.

        Args:
            task_id: an unknown task has nothing to remove.
            sequence: a chunk that ends after it stays whole.
            copied: the record that sinks have reached; what is behind it stays.
        """
        ...

    async def remove_whole(self, through: Mapping[str, int], *, copied: int) -> RemovedTasks:
        """Remove all lines of some tasks at once, as ``remove_through`` would in a step for each; one small step.

        It takes as many as fit into the step, and leaves those that are too large for it, that have other last
        sequences by now, or that sinks have not copied. Call it until it takes none.

        Args:
            through: of each task its last sequence.
            copied: the record that sinks have reached.
        """
        ...

    async def last_sequences(self, task_ids: Collection[str]) -> Mapping[str, int]:
        """The last sequence of each task that has a row."""
        ...

    async def forget_producers(self, before: float) -> int:
        """Forget the numbers of some producers that stored nothing since ``before``, in Unix seconds; how many.

        Call it until it returns 0. What such a producer sends again counts as new. Those of ``WATCH_PREFIX`` stay: the
        rows that they count stay in their table, too.
        """
        ...

    async def forget_tasks(self, at: float, *, copied: int) -> int:
        """Remove what is kept of some tasks that have no lines: their workers, and of their end the reason; how many.

        Those that had lines and have ended, and others that had none for 90 days before ``at``, in Unix seconds. Call
        it until it returns 0. ``task_state`` says the same of them as before, and a line that comes later gets the next
        sequence.

        Args:
            at: the present time.
            copied: the record that sinks have reached; a task with an end behind it stays.
        """
        ...

    @property
    def statistics(self) -> JournalStatistics:
        """An immutable snapshot of the counters."""
        ...

    async def close(self) -> None:
        """Commit what is pending, then stop the writer and close the store; idempotent."""
        ...
