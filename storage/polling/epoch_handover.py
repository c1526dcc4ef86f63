"""What the copy of a journal takes over from the journal's former lives, after it went back in time."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from storage.journal.interface import Ancestor

__all__ = ["IDS_SKIPPED", "hand_over_epoch"]

IDS_SKIPPED: Final = 1_000_000_000
"""A table that went back in time would give its ids again, for other rows, and a poller that asks for what is behind
the last id that it has seen would miss them. Far more than one life has rows; below 2^53 there is room for millions."""


def hand_over_epoch(connection: sqlite3.Connection, sink: str, epoch: str, lineage: Sequence[Ancestor]) -> None:
    """Give an epoch the progress of the latest ancestor that has one; inside a transaction.

    Where the table went back together with the journal, its account of copies and of others' rows goes on as well.
    Where it did not, rows of what the journal has lost are not taken back, and whose they are is not known any more:
    others' rows are then taken over from now on.

    Args:
        connection: to the polling database.
        sink: whose progress.
        epoch: the journal's, without progress so far.
        lineage: the lives that it continues from, the latest first.
    """
    limit = None
    for ancestor in lineage:
        limit = ancestor.record if limit is None else min(limit, ancestor.record)
        found = connection.execute(
            "SELECT record, line FROM otto_sink_progress WHERE sink = ? AND epoch = ?", (sink, ancestor.epoch)
        ).fetchone()
        if found is None:
            continue
        record, line = found if found[0] <= limit else (limit, 0)
        connection.execute(
            "INSERT OR IGNORE INTO otto_sink_progress (sink, epoch, record, line) VALUES (?, ?, ?, ?)",
            (sink, epoch, record, line),
        )
        connection.execute(
            "INSERT OR IGNORE INTO otto_sink_closings (epoch, job_id, message, created_at) "
            "SELECT ?, job_id, message, created_at FROM otto_sink_closings WHERE epoch = ?",
            (epoch, ancestor.epoch),
        )
        if found[0] <= limit:
            for table, columns in (
                ("otto_sink_rows", "first_id, last_id, record, line"),
                ("otto_table_watch", "watch_id, start_id"),
            ):
                connection.execute(
                    f"INSERT OR IGNORE INTO {table} (epoch, {columns}) "  # noqa: S608 - constants
                    f"SELECT ?, {columns} FROM {table} WHERE epoch = ?",
                    (epoch, ancestor.epoch),
                )
        _skip_ids(connection)
        return


def _skip_ids(connection: sqlite3.Connection) -> None:
    """Move ids far behind those that may have been given; a table without AUTOINCREMENT keeps no such number."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        connection.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'job_logs'", (IDS_SKIPPED,))
