"""One watched task: its window, its end, its channels. Exists as long as somebody watches."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from filters.block import Block
from filters.model import LogFilter
from sessions.catch_up_scheduler import CatchUpScheduler
from sessions.channel import Channel
from sessions.encoded_batch_cache import EncodedBatchCache
from sessions.limits import Limits
from sessions.transport import EncodedBatch, EndedTask, History, StoredTask
from sessions.window import Window

if TYPE_CHECKING:
    from sessions.session import Session

__all__ = ["Topic"]


class Topic:
    """What the hub knows of one watched task.

    Every line up to ``head`` is in the journal, and every line behind it will come through ``publish``: that is what a
    session relies on when it changes from stored lines to live ones.

    Attributes:
        head: the last sequence that was published or, at first, found in the journal.
        first: the first sequence that retention has left.
        ended: the end of the task, if it has ended behind ``head``.
        watchers: sessions that are open, started or not.
    """

    def __init__(
        self,
        task_id: str,
        *,
        history: History,
        limits: Limits,
        cache: EncodedBatchCache,
        scheduler: CatchUpScheduler,
        spawn: Callable[[Coroutine[None, None, EncodedBatch]], "asyncio.Task[EncodedBatch]"],
    ) -> None:
        self.task_id = task_id
        self.window = Window()
        self.channels: dict[tuple[LogFilter, str], Channel] = {}
        self.is_loaded = False
        self.head = 0
        self.first = 1
        self.ended: EndedTask | None = None
        self.watchers = 0
        self._history = history
        self._limits = limits
        self._cache = cache
        self._scheduler = scheduler
        self._spawn = spawn
        self._early_end: EndedTask | None = None
        self._unmatched: list[Block] = []
        self._unmatched_bytes = 0

    def __repr__(self) -> str:
        return f"<Topic {self.task_id!r} head={self.head} ended={self.ended is not None} channels={len(self.channels)}>"

    def load(self, state: StoredTask) -> None:
        """Take over what the journal said; what was published while it was asked counts for more."""
        if self.is_loaded:
            return
        self.is_loaded = True
        self.first = state.first
        if state.last > self.head:
            # These lines are committed, but their commit has not been announced yet: when it is, publish() skips them.
            self.window.clear()
            self.head = state.last
        for ended in (state.ended, self._early_end):
            if ended is not None and ended.last == self.head:
                self.ended = ended

    def publish(self, block: Block) -> None:
        """Take committed lines; what ``head`` covers already is skipped.

        What the window would lose without having been flushed is flushed before: matched now, it costs a tenth of what
        it costs each filter to find it in the journal.
        """
        if block.last <= self.head:
            return
        if self._unmatched and self._unmatched_bytes + block.size > self._limits.window_bytes_per_task:
            self.flush()
        if block.first <= self.head:
            block = block.after(self.head)
        # Lines that are missing in between are in the journal: the window starts anew, and whoever needs them reads.
        self.window.append(block)
        self.window.trim(self._limits.window_bytes_per_task)
        self._unmatched.append(block)
        self._unmatched_bytes += block.size
        self.head = block.last
        self.ended = self._early_end = None

    def end(self, ended: EndedTask) -> None:
        """Take the end of the task, unless lines behind it are already here."""
        if not self.is_loaded:
            self._early_end = ended
        elif ended.last == self.head:
            self.ended = ended

    def join(self, session: "Session") -> Channel:
        """The channel that serves this session; made where it is the first of its kind."""
        key = (session.filter, session.subscription.encoding.name)
        channel = self.channels.get(key)
        if channel is None:
            channel = Channel(
                self,
                session.filter,
                session.subscription.encoding,
                history=self._history,
                limits=self._limits,
                cache=self._cache,
                scheduler=self._scheduler,
                spawn=self._spawn,
            )
            self.channels[key] = channel
        channel.behind.add(session)
        return channel

    def leave(self, session: "Session", channel: Channel) -> None:
        """The session reads this channel no more."""
        channel.live.discard(session)
        channel.behind.discard(session)
        channel.ahead.discard(session)
        if channel.is_idle:
            self.channels.pop((channel.filter, channel.encoding.name), None)
        channel.keep(())

    def flush(self) -> None:
        """Give every live session what was published since the last flush, and the end of the task behind it."""
        for channel in tuple(self.channels.values()):
            if channel.head != self.head:
                _flush_channel(channel)
        for block in self._unmatched:
            block.forget_entries()
        self._unmatched.clear()
        self._unmatched_bytes = 0
        if self.ended is not None:
            for channel in tuple(self.channels.values()):
                for session in (*channel.live, *channel.ahead):
                    session.finish_if_complete()


def _flush_channel(channel: Channel) -> None:
    runs: Sequence[EncodedBatch] | None
    try:
        runs = channel.advance()
    except Exception:  # noqa: BLE001 - lines that one channel cannot encode must not keep theirs from the others
        runs = ()
        for session in tuple(channel.live):
            session.fail()
    if runs is None:
        for session in tuple(channel.live):
            session.pump()
    else:
        for session in tuple(channel.live):
            session.deliver(runs)
        channel.keep(runs)
    for session in tuple(channel.ahead):
        if session.position <= channel.head:
            channel.ahead.discard(session)
            session.pump()
