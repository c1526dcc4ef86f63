"""A history whose answers a test can hold back, and a transport that records what a session gave it."""

import asyncio
from dataclasses import dataclass, field

from filters.block import Block, Selection
from filters.entry import LogEntry, encode_lines
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from sessions.close_reasons import CloseReason
from sessions.notices import Notice
from sessions.transport import EncodedBatch

EPOCH = "0123abcd"


def entry(sequence: int, *, task: str = "build", level: str = "INFO", message: str | None = None) -> LogEntry:
    return LogEntry(
        task_id=task,
        worker_id="worker-1",
        sequence=sequence,
        timestamp="2026-01-01T00:00:00.000000000Z",
        level=level,
        source="stdout",
        message=message if message is not None else f"line {sequence}",
    )


def block(first: int, last: int, *, task: str = "build", level: str = "INFO", message: str | None = None) -> Block:
    entries = [entry(n, task=task, level=level, message=message) for n in range(first, last + 1)]
    return Block(task, first, encode_lines(entries), entries=entries)


@dataclass(frozen=True)
class Ended:
    task_id: str
    last: int
    status: str = "COMPLETED"
    timestamp: str = "2026-01-01T00:01:00Z"


@dataclass(frozen=True)
class State:
    first: int
    last: int
    ended: Ended | None = None


@dataclass(frozen=True)
class Commit:
    blocks: tuple[Block, ...] = ()
    ended: tuple[Ended, ...] = ()
    is_gathered: bool = False


@dataclass
class ScriptedHistory:
    """Lines by task, as ``sessions.transport.History``; ``gate`` holds back answers that were already worked out."""

    epoch: str = EPOCH
    entries: dict[str, list[LogEntry]] = field(default_factory=dict)
    first: int = 1
    damaged: range = range(0)
    ends: dict[str, Ended] = field(default_factory=dict)
    reads: int = 0
    cancelled: int = 0
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    def store(self, *blocks: Block) -> None:
        for stored in blocks:
            self.entries.setdefault(stored.task_id, []).extend(stored.entries())
            self.ends.pop(stored.task_id, None)

    async def _pass(self) -> None:
        self.asked.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error

    async def task_state(self, task_id: str) -> State:
        state = State(self.first, len(self.entries.get(task_id, ())), self.ends.get(task_id))
        await self._pass()
        return state

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
        self.reads += 1
        start = max(after, min(self.first - 1, upto))
        if start + 1 in self.damaged:
            end = min(self.damaged[-1], upto)
            return Selection(end, end, (), (), is_damaged=True)
        upto = min(upto, self.damaged[0] - 1) if self.damaged and start < self.damaged[0] else upto
        stretch = self.entries.get(task_id, [])[start : min(upto, start + lines_max)]
        whole = Block(task_id, start + 1, encode_lines(stretch), entries=stretch)
        while whole.size > bytes_max and len(whole.lines) > 1:
            whole = whole.part(0, len(whole.lines) // 2)
        await self._pass()
        return matcher.select_block(whole)

    async def tail_start(
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> int:
        found = [e.sequence for e in self.entries.get(task_id, ())[:upto] if matcher.matches(e)]
        await self._pass()
        return found[-count] - 1 if len(found) >= count else self.first - 1


class TextEncoding:
    """Runs as lists of sequences, which is all that most tests look at."""

    name = "text"

    def __init__(self) -> None:
        self.runs = 0

    def encode(self, epoch: str, selection: Selection) -> EncodedBatch:
        self.runs += 1
        size = sum(map(len, selection.lines))
        sequences = list(selection.sequences)
        return EncodedBatch(selection.start, selection.end, len(sequences), sequences, size, selection.received_at)


class RecordingTransport:
    """Takes runs while ``is_writable``; records sequences, notices and the reason of the end."""

    kind = "test"

    def __init__(self, *, is_writable: bool = True) -> None:
        self.is_writable = is_writable
        self.sequences: list[int] = []
        self.runs: list[EncodedBatch] = []
        self.notices: list[Notice] = []
        self.reason: CloseReason | None = None

    def write(self, run: EncodedBatch) -> bool:
        assert self.reason is None, "written to after its end"
        self.runs.append(run)
        self.sequences.extend(run.data)
        return self.is_writable

    def notify(self, notice: Notice) -> bool:
        assert self.reason is None, "written to after its end"
        self.notices.append(notice)
        return self.is_writable

    def end(self, reason: CloseReason) -> None:
        assert self.reason is None, "ended twice"
        self.reason = reason

    @property
    def events(self) -> list[str]:
        return [notice.payload.event for notice in self.notices]


async def let_sockets_move() -> None:
    """Let the loop look at its sockets a good many times."""
    for _ in range(120):
        await asyncio.sleep(0)


async def settle() -> None:
    """Let everything run that needs no outside event."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined] # there is no other way to ask
    for _ in range(120):
        await asyncio.sleep(0)
        if not ready:  # nothing but this coroutine has run, and it has nothing to wait for
            return
