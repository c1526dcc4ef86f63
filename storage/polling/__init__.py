"""The polling tables: the journal's lines as rows of `job_logs`, for programs that open the database themselves."""

from storage.polling.closing import ClosingRows
from storage.polling.comparison import Comparison, compare
from storage.polling.copies import TableRows
from storage.polling.errors import PollingTableError, PollingUnavailableError
from storage.polling.reader import Extent, Page
from storage.polling.sink import PollingSink, SinkStatistics
from storage.polling.table import PollingTable
from storage.polling.watcher import TableWatcher, WatcherStatistics

__all__ = [
    "ClosingRows",
    "Comparison",
    "Extent",
    "Page",
    "PollingSink",
    "PollingTable",
    "PollingTableError",
    "PollingUnavailableError",
    "SinkStatistics",
    "TableRows",
    "TableWatcher",
    "WatcherStatistics",
    "compare",
]
