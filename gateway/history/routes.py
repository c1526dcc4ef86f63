"""All routes of the history, in the order in which they have to stand."""

from gateway.auth import Authenticator
from gateway.history.counts import count_routes
from gateway.history.failure import summary_routes
from gateway.history.limits import HistoryLimits
from gateway.history.log import log_routes
from gateway.history.reads import HistoryJournal, Reads
from gateway.history.scans import Scans
from gateway.history.search_route import search_routes
from gateway.history.tasks import task_routes
from gateway.routing.operation import DescribedRoute

__all__ = ["history_routes"]


def history_routes(
    journal: HistoryJournal, authenticator: Authenticator, limits: HistoryLimits | None = None
) -> list[DescribedRoute]:
    """Everything below ``/api/v1/log-streaming`` that reads what is stored."""
    limits = limits or HistoryLimits()
    reads = Reads(journal)
    scans = Scans(limits.scans_max)
    return [
        *task_routes(reads, authenticator, limits),
        *search_routes(reads, authenticator, limits, scans),
        *count_routes(reads, authenticator, limits, scans),
        *summary_routes(reads, authenticator, limits, scans),
        *log_routes(reads, authenticator, limits, scans),
    ]
