"""How far the copy of a journal has got, for anyone who is not the sink."""

from contextlib import closing
from pathlib import Path

from storage.polling.batches import Place
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import translate_errors

__all__ = ["copied_record"]


def copied_record(path: Path, epoch: str) -> int:
    """The record of a journal up to which everything has its rows; 0 if nothing was ever copied. Changes nothing.

    Raises:
        StorageUnavailableError: the database cannot be read.
    """
    if not path.exists():
        return 0
    with translate_errors(path), closing(open_connection(path, Access.READ)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'otto_sink_progress'").fetchone()
        if known is None:
            return 0
        found = connection.execute(
            "SELECT record, line FROM otto_sink_progress WHERE sink = 'job_logs' AND epoch = ?", (epoch,)
        ).fetchone()
    return Place(*found).after if found else 0
