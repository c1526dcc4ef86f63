"""Pipelines: the current state of every stage, then its transitions, for anyone who watches.

A transition says the whole state of a stage, so a subscriber never needs an old one to understand a new one. That is
what a slow subscriber is served by: it gets the present state of each stage that has changed since its position, and
not what happened in between (conflation). Its picture is complete and right whenever it has read everything.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from filters.position import Position
from sessions.admission import Admission
from sessions.close_reasons import CloseReason
from sessions.conflated import ConflatedHub, ConflatedSession
from sessions.transport import Progress, StageHistory

__all__ = ["PipelineHistory", "PipelineHub", "PipelineLimits", "PipelineSession", "PipelineStatistics"]


class PipelineHistory(StageHistory, Protocol):
    """The part of the journal that is read here."""

    @property
    def epoch(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLimits:
    """What pipelines may use.

    Attributes:
        window_transitions: recent transitions kept of one watched pipeline.
        window_bytes: the same in bytes of their documents; the newest always stays.
        heartbeat_seconds: silence after which a subscriber is given an empty sequence.
        timeout_seconds: how long a subscriber may take to read what it was given.
    """

    window_transitions: int = 256
    window_bytes: int = 64 << 10
    heartbeat_seconds: float = 30.0
    timeout_seconds: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStatistics:
    """Counts since the start, and what is held now."""

    sessions: int = 0
    pipelines: int = 0
    window_bytes: int = 0
    transitions: int = 0
    reads: int = 0


class _Feed:
    """One watched pipeline: its last transitions, consecutive, up to ``head``; 0 if none was published yet."""

    def __init__(self, pipeline_id: str) -> None:
        self.pipeline_id = pipeline_id
        self.head = 0
        self.window: deque[Progress] = deque()
        self.size = 0
        self.sessions: set[PipelineSession] = set()

    def publish(self, progress: Progress, limits: PipelineLimits) -> None:
        if progress.number <= self.head:
            return
        if self.window and progress.number != self.window[-1].number + 1:
            self.window.clear()
            self.size = 0
        self.window.append(progress)
        self.size += len(progress.document)
        self.head = progress.number
        while len(self.window) > limits.window_transitions or (
            self.size > limits.window_bytes and len(self.window) > 1
        ):
            self.size -= len(self.window.popleft().document)

    def since(self, number: int) -> Sequence[Progress] | None:
        """The transitions after ``number``; None if the window does not reach back that far."""
        if not self.window or self.window[0].number > number + 1:
            return None
        return [progress for progress in self.window if progress.number > number]


class PipelineSession(ConflatedSession[Progress]):
    """One subscriber of one pipeline.

    Attributes:
        position: the number up to which the subscriber's picture is complete.
    """

    def __init__(self, hub: "PipelineHub", feed: _Feed, after: Position | None, expires_at: float | None) -> None:
        super().__init__(hub, expires_at)
        self.pipeline_id = feed.pipeline_id
        self.position = 0
        if after is not None and after.belongs_to(hub.epoch):
            self.position = after.sequence
        self._hub = hub
        self._topic = feed
        self._is_settled = False  # whether its position is known to be right

    def __repr__(self) -> str:
        return f"<PipelineSession {self.pipeline_id!r} position={self.position} reason={self.reason}>"

    def close(self, reason: CloseReason) -> None:
        """End the session; idempotent and synchronous."""
        if self.reason is None:
            super().close(reason)
            self._hub.leave(self, self._topic)

    async def changes(self) -> Sequence[Progress]:
        """The changes after ``position``, which moves to the last of them."""
        changes = await self._found()
        if changes and self.reason is None:
            self.position = changes[-1].number
        return changes

    async def _found(self) -> Sequence[Progress]:
        """What there is behind ``position``: from the window where it reaches back that far, else from the journal.

        This is the seam. No gap: every stage whose state changed after ``position`` has a last number after it, so
        the journal's answer has it; what is committed after that answer has a number after all of the answer's, so
        after the new position, and will be published: the next call finds it in the window or asks again. No
        duplicate: numbers given only grow, and what is published late, after the journal had reported it, is not after
        the position any more.
        """
        head = self._topic.head
        if self._is_settled and self.position >= head:
            return ()
        if self._is_settled or 0 < self.position <= head:
            recent = self._topic.since(self.position)
            if recent is not None:
                self._is_settled = True
                return recent
        try:
            stages = await self._hub.read(self.pipeline_id)
        except self._hub.history_errors:
            self.close(CloseReason.STORAGE_UNAVAILABLE)
            return ()
        last = max((stage.number for stage in stages), default=0)
        if not self._is_settled:
            self._is_settled = True
            # A position that nobody gave out is beyond the end, and would hide what comes.
            self.position = min(self.position, max(last, self._topic.head))
        return sorted((stage for stage in stages if stage.number > self.position), key=lambda stage: stage.number)


class PipelineHub(ConflatedHub[PipelineSession]):
    """Fans stage transitions out to sessions. The publisher never waits; pipelines that nobody watches cost a look-up.

    Args:
        history: the journal.
        limits: see ``PipelineLimits``.
        admission: counts sessions, together with those of the log hub.
        history_errors: what ``history`` raises when it cannot be read; sessions then end with STORAGE_UNAVAILABLE.
    """

    def __init__(
        self,
        history: PipelineHistory,
        limits: PipelineLimits | None = None,
        *,
        admission: Admission,
        history_errors: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._limits = limits or PipelineLimits()
        super().__init__(self._limits, admission)
        self.history = history
        self.history_errors = history_errors
        self._reads = 0
        self._topics: dict[str, _Feed] = {}
        self._transitions = 0
        self._listeners: list[Callable[[Sequence[Progress]], None]] = []

    def __repr__(self) -> str:
        return f"<PipelineHub {len(self._topics)} pipelines>"

    @property
    def epoch(self) -> str:
        """The journal's life."""
        return self.history.epoch

    @property
    def statistics(self) -> PipelineStatistics:
        """An immutable snapshot."""
        return PipelineStatistics(
            sessions=len(self._sessions),
            pipelines=len(self._topics),
            window_bytes=sum(feed.size for feed in self._topics.values()),
            transitions=self._transitions,
            reads=self._reads,
        )

    def add_listener(self, listener: Callable[[Sequence[Progress]], None]) -> None:
        """Hand all transitions to somebody else, who must not block or raise."""
        self._listeners.append(listener)

    def publish(self, progress: Sequence[Progress]) -> None:
        """Take what one commit stored, in order."""
        self._transitions += len(progress)
        for listener in self._listeners if progress else ():
            listener(progress)
        for transition in progress:
            feed = self._topics.get(transition.pipeline_id)
            if feed is not None:
                feed.publish(transition, self._limits)
                for session in feed.sessions:
                    session.wake()

    def open(
        self, pipeline_id: str, *, after: Position | None = None, expires_at: float | None = None
    ) -> PipelineSession:
        """Start a session after ``after``; without it, at the current state of every stage.

        Raises:
            ServerFullError: there are as many sessions as there may be.
        """
        self.admit()
        feed = self._topics.setdefault(pipeline_id, _Feed(pipeline_id))
        session = PipelineSession(self, feed, after, expires_at)
        feed.sessions.add(session)
        self.keep(session)
        return session

    async def read(self, pipeline_id: str) -> Sequence[Progress]:
        """The stages in the journal, for a session that the window cannot serve; raises whatever the history raises."""
        self._reads += 1
        return await self.history.stages(pipeline_id)

    def leave(self, session: PipelineSession, feed: _Feed) -> None:
        """A session has ended, and watches its pipeline no more."""
        feed.sessions.discard(session)
        if not feed.sessions:
            self._topics.pop(feed.pipeline_id, None)
