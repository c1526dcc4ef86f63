"""One watched task: its window, its end, its channels. Exists as long as somebody watches."""

from filters.block import Block
from filters.model import LogFilter
from sessions.channel import Channel
from sessions.services import SessionServices
from sessions.subscriber import Subscriber
from sessions.transport import Encoding, EndedTask, StoredTask
from sessions.window import Window

__all__ = ["Topic"]


class Topic:
    """What the hub knows of one watched task.

    Every line up to ``head`` is in the journal, and every line after it will come through ``publish``: that is what a
    session relies on when it changes from stored lines to live ones.

    Attributes:
        head: the last sequence that was published or, at first, found in the journal.
        first: the first sequence that retention has left.
        ended: the end of the task, if it has ended after ``head``.
        watchers: sessions that are open, started or not.
    """

    def __init__(self, task_id: str, services: SessionServices) -> None:
        self.task_id = task_id
        self.window = Window()
        self.channels: dict[tuple[LogFilter, str], Channel] = {}
        self.is_loaded = False
        self.head = 0
        self.first = 1
        self.ended: EndedTask | None = None
        self.watchers = 0
        self._services = services
        self._limits = services.limits
        self._early_end: EndedTask | None = None
        self._unmatched: list[Block] = []
        self._unmatched_bytes = 0

    def __repr__(self) -> str:
        return f"<Topic {self.task_id!r} head={self.head} ended={self.ended is not None} channels={len(self.channels)}>"

    def watch(self) -> None:
        """One more session is open."""
        self.watchers += 1

    def unwatch(self) -> None:
        """One session less is open."""
        self.watchers -= 1

    async def load(self) -> None:
        """Read from the journal what exists of the task, unless that was done; raises whatever the history raises."""
        if not self.is_loaded:
            self._take_over(await self._services.history.task_state(self.task_id))

    def _take_over(self, state: StoredTask) -> None:
        # What was published while the journal was asked counts for more.
        if self.is_loaded:
            return
        self.is_loaded = True
        self.first = state.first
        if state.last > self.head:
            # These lines are committed, but their commit has not been announced yet: when it is, publish() skips them.
            self.window.clear()
            self.head = state.last
        if state.ended is not None and state.ended.last == self.head:
            self.ended = state.ended
        self._take_early_end()

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
        # Lines that are missing in between are in the journal: the window starts anew, sessions that need them read.
        self.window.append(block)
        self.window.trim(self._limits.window_bytes_per_task)
        self._unmatched.append(block)
        self._unmatched_bytes += block.size
        self.head = block.last
        self.ended = None
        if self._early_end is not None:
            self._take_early_end()

    def end(self, ended: EndedTask) -> None:
        """Take the end of the task, unless lines after it are already here.

        It waits for the lines before it: those of another gateway may come later than an end that this one stored.
        """
        if self._early_end is None or ended.last >= self._early_end.last:
            self._early_end = ended
        self._take_early_end()

    def _take_early_end(self) -> None:
        ended = self._early_end
        if ended is None or not self.is_loaded or ended.last > self.head:
            return
        self._early_end = None
        if ended.last == self.head:
            self.ended = ended

    def join(self, subscriber: Subscriber, log_filter: LogFilter, encoding: Encoding) -> Channel:
        """The channel of this filter and encoding, with one more subscriber; made for the first one."""
        key = (log_filter, encoding.name)
        channel = self.channels.get(key)
        if channel is None:
            channel = Channel(
                self.task_id, log_filter, encoding, head=self.head, window=self.window, services=self._services
            )
            self.channels[key] = channel
        channel.behind.add(subscriber)
        return channel

    def leave(self, subscriber: Subscriber, channel: Channel) -> None:
        """The subscriber reads this channel no more."""
        channel.live.discard(subscriber)
        channel.behind.discard(subscriber)
        channel.ahead.discard(subscriber)
        if channel.is_idle:
            self.channels.pop((channel.filter, channel.encoding.name), None)
        channel.keep(())

    def flush(self) -> None:
        """Give every live subscriber what was published since the last flush, and the end of the task after it."""
        for channel in tuple(self.channels.values()):
            if channel.head != self.head:
                channel.flush(self.head)
        for block in self._unmatched:
            block.forget_entries()
        self._unmatched.clear()
        self._unmatched_bytes = 0
        if self.ended is not None:
            for channel in tuple(self.channels.values()):
                for subscriber in (*channel.live, *channel.ahead):
                    subscriber.finish_if_complete()
