"""What the copy of a journal takes over from the journal's former lives, after it went back in time."""

from collections.abc import Sequence
from typing import Final

from storage.journal.interface import Ancestor
from storage.polling.interface import PollingStore, SqlConnection

__all__ = ["IDS_SKIPPED", "hand_over_epoch"]

IDS_SKIPPED: Final = 1_000_000_000
"""A table that went back in time would give its ids again, for other rows, and a poller that asks for what is behind
the last id that it has seen would miss them. Far more than one life has rows; below 2^53 there is room for millions."""


def hand_over_epoch(
    table: PollingStore, connection: SqlConnection, sink: str, epoch: str, lineage: Sequence[Ancestor]
) -> None:
    """Give an epoch the progress of the latest ancestor that has one; inside a transaction.

    Where the table went back together with the journal, its account of copies and of others' rows continues as well.
    Where it did not, rows of what the journal has lost are not taken back, and whose they are is not known any more:
    others' rows are then taken over from now on.

    Args:
        table: the polling database.
        connection: to it.
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
            "INSERT INTO otto_sink_progress (sink, epoch, record, line) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (sink, epoch, record, line),
        )
        connection.execute(
            "INSERT INTO otto_sink_closings (epoch, job_id, message, created_at) "
            "SELECT ?, job_id, message, created_at FROM otto_sink_closings WHERE epoch = ? ON CONFLICT DO NOTHING",
            (epoch, ancestor.epoch),
        )
        if found[0] <= limit:
            for name, columns in (
                ("otto_sink_rows", "first_id, last_id, record, line"),
                ("otto_table_watch", "watch_id, start_id"),
            ):
                connection.execute(
                    f"INSERT INTO {name} (epoch, {columns}) "  # noqa: S608 - constants
                    f"SELECT ?, {columns} FROM {name} WHERE epoch = ? ON CONFLICT DO NOTHING",
                    (epoch, ancestor.epoch),
                )
        table.skip_ids(connection, IDS_SKIPPED)
        return
