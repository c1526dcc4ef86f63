"""Which rows of the queue are removed by the gateway's retention."""

from typing import Final

from storage.retention.polling_rows import PollingRows

__all__ = ["TASK_LOGS"]

TASK_LOGS: Final = PollingRows(
    "task_logs",
    "task_id",
    # A row that was not forwarded to the stream exists nowhere else.
    "id <= (SELECT coalesce(max(log_id), 0) FROM otto_courier_progress WHERE courier = 'stream')",
    needed="otto_courier_progress",
)
