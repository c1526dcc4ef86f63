"""The polling tables: the journal's lines as rows of `job_logs`, for programs that open the database themselves."""

from storage.polling.closing_rows import ClosingRows
from storage.polling.comparison import Comparison, compare
from storage.polling.interface import Extent, Page, PollingStore
from storage.polling.row_import import RowImporter, RowImportStatistics
from storage.polling.row_map import TableRows
from storage.polling.sink import PollingSink, SinkStatistics
from storage.polling.table import PollingTable

__all__ = [
    "ClosingRows",
    "Comparison",
    "Extent",
    "Page",
    "PollingSink",
    "PollingStore",
    "PollingTable",
    "RowImportStatistics",
    "RowImporter",
    "SinkStatistics",
    "TableRows",
    "compare",
]
