"""What a session needs of the outside: an encoding, a transport, and the history after the live stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from filters.block import Block, Selection
from filters.matching import Matcher
from filters.read_owner import NOBODY, ReadOwner
from sessions.close_reasons import CloseReason
from sessions.notices import Notice

__all__ = [
    "CommittedLines",
    "EncodedBatch",
    "Encoding",
    "EndedTask",
    "History",
    "Progress",
    "StageHistory",
    "StoredTask",
    "Transport",
]


@dataclass(slots=True)
class EncodedBatch:
    """The encoded matching lines of the stretch ``(start, end]``; all sessions at ``start`` get the same object.

    ``data`` is whatever the encoding made (bytes, or packets), ``size`` its bytes, ``count`` its lines.
    ``received_at`` is ``time.monotonic()`` when the oldest line reached the gateway, None if it came from storage.
    ``is_damaged``: it is empty, and stands behind lines that were stored and cannot be read any more.
    """

    start: int
    end: int
    count: int
    data: Any
    size: int
    received_at: float | None = None
    is_damaged: bool = False


class Encoding(Protocol):
    """Turns selected lines into what a transport writes. One object per kind of wire, shared by all its channels."""

    @property
    def name(self) -> str:
        """Part of the channel's key: sessions with equal names share their bytes."""
        ...

    def encode(self, epoch: str, selection: Selection) -> EncodedBatch:
        """Encode one run; called once per channel and run, with at least one line."""
        ...


class Transport(Protocol):
    """One subscriber's connection, as its session sees it. No method blocks or raises."""

    @property
    def kind(self) -> str:
        """``sse`` or ``socketio``; the label of metrics."""
        ...

    def write(self, run: EncodedBatch) -> bool:
        """Take a run. False: it was taken, and nothing more until ``Session.resume()`` is called."""
        ...

    def notify(self, notice: Notice) -> bool:
        """Take a notice, in order with the runs; the result means the same."""
        ...

    def end(self, reason: CloseReason) -> None:
        """The session is over; flush what was taken, then close. Called once, after the last ``notify``."""
        ...


class EndedTask(Protocol):
    """The end of a task, as the history reports it."""

    @property
    def task_id(self) -> str: ...  # noqa: D102
    @property
    def last(self) -> int: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def timestamp(self) -> str: ...  # noqa: D102


class StoredTask(Protocol):
    """What exists of a task."""

    @property
    def first(self) -> int: ...  # noqa: D102
    @property
    def last(self) -> int: ...  # noqa: D102
    @property
    def ended(self) -> EndedTask | None: ...  # noqa: D102


class CommittedLines(Protocol):
    """What one commit stored, as far as subscribers of logs care: ``Committed`` of the journal in production."""

    @property
    def blocks(self) -> Sequence[Block]: ...  # noqa: D102
    @property
    def ended(self) -> Sequence[EndedTask]: ...  # noqa: D102
    @property
    def is_gathered(self) -> bool: ...  # noqa: D102


class History(Protocol):
    """The part of the journal that sessions read; ``storage.journal.interface.Journal`` says what each method does."""

    @property
    def epoch(self) -> str: ...  # noqa: D102
    async def task_state(self, task_id: str) -> StoredTask: ...  # noqa: D102
    async def read(  # noqa: D102
        self,
        task_id: str,
        after: int,
        upto: int,
        matcher: Matcher,
        *,
        lines_max: int,
        bytes_max: int,
        owner: ReadOwner = NOBODY,
    ) -> Selection: ...
    async def tail_start(  # noqa: D102
        self, task_id: str, count: int, upto: int, matcher: Matcher, *, owner: ReadOwner = NOBODY
    ) -> int: ...


class Progress(Protocol):
    """One transition of a pipeline's stage."""

    @property
    def pipeline_id(self) -> str: ...  # noqa: D102
    @property
    def stage_id(self) -> str: ...  # noqa: D102
    @property
    def document(self) -> bytes: ...  # noqa: D102
    @property
    def number(self) -> int: ...  # noqa: D102


class StageHistory(Protocol):
    """The part of the journal that pipeline subscribers read."""

    async def stages(self, pipeline_id: str) -> Sequence[Progress]: ...  # noqa: D102
