"""The hubs, through which everything that is stored reaches those who watch it."""

from dataclasses import dataclass
from typing import Final

from gateway.monitoring.metrics import Metrics
from gateway.settings.derived import pipeline_limits, session_limits, update_limits
from gateway.settings.model import Settings
from sessions.admission import Admission
from sessions.hub import Hub
from sessions.pipelines import PipelineHub
from sessions.updates import UpdateHub
from storage.errors import StorageError
from storage.journal.sqlite import SqliteJournal

__all__ = ["Hubs", "make_hubs"]

_HISTORY_ERRORS: Final = (StorageError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hubs:
    """Lines, stages of pipelines and updates of records; their sessions are admitted together."""

    admission: Admission
    logs: Hub
    pipelines: PipelineHub
    updates: UpdateHub


def make_hubs(settings: Settings, journal: SqliteJournal, metrics: Metrics) -> Hubs:
    """Hubs that read the past from a journal, and are not told of its commits yet."""
    admission = Admission(settings.max_connections)
    return Hubs(
        admission=admission,
        logs=Hub(
            journal, session_limits(settings), admission=admission, observer=metrics, history_errors=_HISTORY_ERRORS
        ),
        pipelines=PipelineHub(journal, pipeline_limits(settings), admission=admission, history_errors=_HISTORY_ERRORS),
        updates=UpdateHub(update_limits(settings), admission=admission),
    )
