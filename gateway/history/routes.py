"""All routes of the history, in the order in which they have to stand."""

from gateway.description.operation import DescribedRoute
from gateway.history.limits import HistoryLimits
from gateway.history.log import HistoryAuthenticator, log_routes
from gateway.history.reads import HistoryJournal, Reads

__all__ = ["history_routes"]


def history_routes(
    journal: HistoryJournal, authenticator: HistoryAuthenticator, limits: HistoryLimits | None = None
) -> list[DescribedRoute]:
    """Everything below ``/api/v1/log-streaming`` that reads what is stored."""
    limits = limits or HistoryLimits()
    reads = Reads(journal)
    return [*log_routes(reads, authenticator, limits)]
