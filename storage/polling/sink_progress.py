"""How far the copy of a journal has got, for whoever is not the sink."""

import sqlite3
from contextlib import closing
from pathlib import Path

from storage.polling.batches import Place
from storage.polling.errors import PollingUnavailableError

__all__ = ["copied_record"]


def copied_record(path: Path, epoch: str) -> int:
    """The record of a journal up to which everything has its rows; 0 where nothing was ever copied. Changes nothing.

    Raises:
        PollingUnavailableError: the database cannot be read.
    """
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA query_only=1")
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'otto_sink_progress'").fetchone()
            if known is None:
                return 0
            found = connection.execute(
                "SELECT record, line FROM otto_sink_progress WHERE sink = 'job_logs' AND epoch = ?", (epoch,)
            ).fetchone()
    except sqlite3.Error as error:
        raise PollingUnavailableError(error, path) from error
    return Place(*found).after if found else 0
