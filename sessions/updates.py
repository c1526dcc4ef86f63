"""Updates: short notices that records of executions or jobs have changed, for UIs that show them.

An update says that there is something new to read, not all of it. That is why repeats are merged, why nothing is kept
for clients that were away (they read anyway when they come back), and why a slow client is given the last update of a
kind and not all of them.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from sessions.admission import Admission
from sessions.close_reasons import CloseReason
from sessions.conflated import ConflatedHub, ConflatedSession, Unread

__all__ = [
    "AnyUpdate",
    "IncidentUpdate",
    "JobProgress",
    "TaskChange",
    "Update",
    "UpdateHub",
    "UpdateLimits",
    "UpdateSession",
    "UpdateStatistics",
    "UpdateType",
]

_log = logging.getLogger(__name__)

_TICKS_PER_MERGE = 5
"""Updates that are due within a fifth of the merging time leave together, so that many scripts are not many writes."""


class UpdateType(StrEnum):
    """What has changed."""

    WORKFLOW_COMPLETED = "workflowExecutionCompleted"
    WORKFLOW_FAILED = "workflowExecutionFailed"
    ALL_SCRIPTS_COMPLETED = "allScriptsExecutionCompleted"


class _Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    def json(self) -> bytes:
        """The payload."""
        return msgspec.json.encode(self)


class Update(_Payload, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One update, as clients get it; what is None is left out.

    Attributes:
        event: its name over Server-Sent Events.
        socket_io_event: its name over Socket.IO.
    """

    event: ClassVar[str] = "logsUpdated"
    socket_io_event: ClassVar[str] = "logs-updated"

    type: UpdateType
    script_id: str | None = None
    script_name: str | None = None
    execution_id: str | None = None
    success_count: int | None = None
    fail_count: int | None = None
    total_count: int | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two updates the same one."""
        return (self.type.value, self.script_id or "", self.execution_id or "")

    @property
    def subject(self) -> str | None:
        """Who may see it is who may read this script; None: all scripts together."""
        return self.script_id


class JobProgress(_Payload, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far a batch job is."""

    event: ClassVar[str] = "progress"
    socket_io_event: ClassVar[str] = "progress"

    class Done(msgspec.Struct, frozen=True):
        """Keywords that are done, and all of them."""

        current: int
        total: int

    job_id: Annotated[str, msgspec.Meta(examples=["batch_1767225600000_0123abcd"])]
    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["pending", "processing", "completed", "failed"]})]
    progress: Done
    error: Annotated[str | None, msgspec.Meta(description="Why it has failed.")] = None
    retry_at: Annotated[
        int | None, msgspec.Meta(description="When it is tried again, in milliseconds since the Unix epoch.")
    ] = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two updates the same one."""
        return (self.event, self.job_id)

    @property
    def subject(self) -> str:
        """Who may see it is who may read this task."""
        return self.job_id


class TaskChange(_Payload, frozen=True, kw_only=True, rename="camel"):
    """A task was deleted, pinned or unpinned."""

    event: ClassVar[str] = "taskChanged"
    socket_io_event: ClassVar[str] = "task-changed"

    type: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["deleted", "pinned", "unpinned"]})]
    task_id: Annotated[str, msgspec.Meta(examples=["build-7"])]

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two updates the same one."""
        return (self.event, self.task_id)

    @property
    def subject(self) -> str:
        """Who may see it is who may read this task."""
        return self.task_id


class IncidentUpdate(_Payload, frozen=True, kw_only=True, rename="camel"):
    """An incident of an alert rule has been opened, counted on, muted or resolved."""

    event: ClassVar[str] = "incident"
    socket_io_event: ClassVar[str] = "incident"

    incident_id: Annotated[int, msgspec.Meta(examples=[7])]
    rule: Annotated[str, msgspec.Meta(examples=["out-of-memory"])]
    severity: Annotated[str, msgspec.Meta(examples=["critical"])]
    incident_key: Annotated[
        str, msgspec.Meta(description="The task or its runs; `*`: all tasks.", examples=["build-7"])
    ] = msgspec.field(name="key")
    task_id: Annotated[
        str | None, msgspec.Meta(description="Of the newest line; null: it is of all tasks.", examples=["build-7"])
    ]
    count: Annotated[int, msgspec.Meta(description="Lines.", examples=[12])]
    is_open: bool
    is_muted: bool

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two updates the same one."""
        return (self.event, str(self.incident_id))

    @property
    def subject(self) -> str | None:
        """Who may see it is who may read this task; None: all tasks together."""
        return self.task_id


AnyUpdate = Update | JobProgress | IncidentUpdate | TaskChange


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateLimits:
    """What updates may use.

    Attributes:
        merge_seconds: repeats within this time are one update; it leaves at the end of it, so that a client
            that then reads finds everything that was merged.
        waiting_max: different updates that wait for that; beyond it, the oldest leaves at once.
        unread_max: different updates that wait for one client; beyond it, the oldest is dropped and counted.
        heartbeat_seconds: silence after which a client is given an empty sequence.
        timeout_seconds: how long a client may take to read what it was given.
    """

    merge_seconds: float = 0.5
    waiting_max: int = 1000
    unread_max: int = 256
    heartbeat_seconds: float = 30.0
    timeout_seconds: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateStatistics:
    """Open sessions, and counts since the start: raised, merged into one that waited, and dropped for slow clients."""

    sessions: int = 0
    raised: int = 0
    merged: int = 0
    dropped: int = 0


MaySee = Callable[[str | None], bool]
"""Whether a client may see updates of a script or job; None: of all scripts together."""


class UpdateSession(ConflatedSession[AnyUpdate]):
    """One client."""

    def __init__(self, hub: "UpdateHub", may_see: MaySee, expires_at: float | None, *, unread_max: int) -> None:
        super().__init__(hub, expires_at)
        self._may_see = may_see
        self._unread: Unread[tuple[str, ...], AnyUpdate] = Unread(unread_max)

    def __repr__(self) -> str:
        return f"<UpdateSession unread={len(self._unread)} reason={self.reason}>"

    async def changes(self) -> Sequence[AnyUpdate]:
        """The updates that were not read."""
        return self._unread.clear()

    def offer(self, updates: Sequence[AnyUpdate]) -> int:
        """Take what the client may see; how many were dropped for it, because it does not read."""
        dropped = 0
        for update in updates:
            if self._may_see(update.subject):
                dropped += self._unread.put(update.key, update)
                self.wake()
        return dropped


class UpdateHub(ConflatedHub[UpdateSession]):
    """Merges repeats and fans out. Anyone who raises an update never waits.

    Args:
        limits: see ``UpdateLimits``.
        admission: counts sessions, together with those of logs and pipelines.
    """

    def __init__(self, limits: UpdateLimits | None = None, *, admission: Admission) -> None:
        self._limits = limits or UpdateLimits()
        super().__init__(self._limits, admission)
        self._listeners: list[Callable[[Sequence[AnyUpdate]], int]] = []
        self._relay: Callable[[Sequence[AnyUpdate]], None] = lambda _: None
        # In the order in which they are due: each waits for the same time.
        self._waiting: dict[tuple[str, ...], tuple[float, AnyUpdate]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._raised = self._merged = self._dropped = 0

    def __repr__(self) -> str:
        return f"<UpdateHub {len(self._sessions)} sessions, {len(self._waiting)} waiting>"

    @property
    def statistics(self) -> UpdateStatistics:
        """An immutable snapshot."""
        return UpdateStatistics(
            sessions=len(self._sessions), raised=self._raised, merged=self._merged, dropped=self._dropped
        )

    def add_listener(self, listener: Callable[[Sequence[AnyUpdate]], int]) -> None:
        """Send all updates, merged, to another listener, which returns how many it had to drop."""
        self._listeners.append(listener)

    def set_relay(self, relay: Callable[[Sequence[AnyUpdate]], None]) -> None:
        """Set who is given what was published here, merged, for the hubs of other gateways."""
        self._relay = relay

    def receive(self, updates: Sequence[AnyUpdate]) -> None:
        """Take what was published, and merged, at another gateway."""
        self._send(updates)

    def publish(self, update: AnyUpdate) -> None:
        """Take an update of something that is stored."""
        self._raised += 1
        now = asyncio.get_running_loop().time()
        waiting = self._waiting.get(update.key)
        if waiting is not None:
            self._merged += 1
            self._waiting[update.key] = (waiting[0], update)  # the newest says most; its place stays
            return
        self._waiting[update.key] = (now + self._limits.merge_seconds, update)
        if len(self._waiting) > self._limits.waiting_max:
            _, oldest = self._waiting.pop(next(iter(self._waiting)))
            self._send_everywhere([oldest])
        if self._timer is None:
            self._schedule(now)

    def open(self, may_see: MaySee, *, expires_at: float | None = None) -> UpdateSession:
        """Start a session; it gets what is published from now on.

        Raises:
            ServerFullError: there are as many sessions as there may be.
        """
        self.admit()
        session = UpdateSession(self, may_see, expires_at, unread_max=self._limits.unread_max)
        self.keep(session)
        return session

    def close(self, reason: CloseReason = CloseReason.SERVER_SHUTDOWN) -> None:
        """End every session; idempotent. What waits is not sent: clients that come back read everything anyway."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().close(reason)

    def _schedule(self, now: float) -> None:
        due = next(iter(self._waiting.values()))[0]
        at = max(due, now + self._limits.merge_seconds / _TICKS_PER_MERGE)
        self._timer = asyncio.get_running_loop().call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        due = [self._waiting.pop(key)[1] for key, (when, _) in tuple(self._waiting.items()) if when <= now]
        if self._waiting:
            self._schedule(now)
        self._send_everywhere(due)

    def _send_everywhere(self, updates: Sequence[AnyUpdate]) -> None:
        self._send(updates)
        if updates:
            self._relay(updates)

    def _send(self, updates: Sequence[AnyUpdate]) -> None:
        """Give updates to everybody; an error of one of them costs nobody else."""
        if not updates:
            return
        for session in tuple(self._sessions):
            try:
                self._dropped += session.offer(updates)
            except Exception:  # noqa: BLE001 - whatever it was, its client is asked to come back
                _log.exception("update session failed")
                session.close(CloseReason.INTERNAL)
        for listener in self._listeners:
            try:
                self._dropped += listener(updates)
            except Exception:  # noqa: BLE001 - it hears of the next updates, and the log has this one
                _log.exception("update listener failed")
