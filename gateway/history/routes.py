"""All routes of the history, in the order in which they have to stand."""

from gateway.auth import Authenticator
from gateway.history.counts import count_routes
from gateway.history.failure import summary_routes
from gateway.history.log import log_routes
from gateway.history.search_route import search_routes
from gateway.history.stored_logs import StoredLogs
from gateway.history.tasks import task_routes
from gateway.routing.operation import DescribedRoute

__all__ = ["history_routes"]


def history_routes(logs: StoredLogs, authenticator: Authenticator) -> list[DescribedRoute]:
    """Everything below ``/api/v1/log-streaming`` that reads what is stored."""
    reads, limits, scans = logs.reads, logs.limits, logs.scans
    return [
        *task_routes(logs.lists, authenticator),
        *search_routes(reads, authenticator, limits, scans),
        *count_routes(reads, authenticator, limits, scans),
        *summary_routes(logs, authenticator),
        *log_routes(reads, authenticator, limits, scans),
    ]
