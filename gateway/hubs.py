"""The hubs, through which everything that is stored reaches those who watch it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from gateway.monitoring.metrics import Metrics
from gateway.settings.derived import pipeline_limits, session_limits, update_limits
from gateway.settings.model import Settings
from sessions.admission import Admission
from sessions.hub import Hub
from sessions.pipelines import PipelineHub
from sessions.updates import UpdateHub
from storage.errors import StorageError
from storage.journal.interface import Committed
from storage.journal.stored_journal import StoredJournal

__all__ = ["Hubs", "make_hubs", "notify_each", "wake_each"]

_HISTORY_ERRORS: Final = (StorageError, OSError)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hubs:
    """Lines, stages of pipelines and updates of records; their sessions are admitted together."""

    admission: Admission
    logs: Hub
    pipelines: PipelineHub
    updates: UpdateHub


def make_hubs(settings: Settings, journal: StoredJournal, metrics: Metrics) -> Hubs:
    """Hubs that read the past from a journal, and are not notified of its commits yet."""
    admission = Admission(settings.max_connections)
    return Hubs(
        admission=admission,
        logs=Hub(
            journal, session_limits(settings), admission=admission, observer=metrics, history_errors=_HISTORY_ERRORS
        ),
        pipelines=PipelineHub(journal, pipeline_limits(settings), admission=admission, history_errors=_HISTORY_ERRORS),
        updates=UpdateHub(update_limits(settings), admission=admission),
    )


def notify_each(*listeners: Callable[[Committed], None]) -> Callable[[Committed], None]:
    """A commit listener that calls several; an error of one reaches neither the others nor the producer."""

    def notify(committed: Committed) -> None:
        for listener in listeners:
            try:
                listener(committed)
            except Exception:  # noqa: BLE001 - the journal's writer must not stop for a listener's mistake
                _log.exception("commit listener failed")

    return notify


def wake_each(followers: Iterable[Callable[[], None]]) -> Callable[[Committed], None]:
    """A commit listener that wakes those who read what was stored by themselves; more may be added later."""

    def wake(_: Committed) -> None:
        for follower in followers:
            follower()

    return wake
