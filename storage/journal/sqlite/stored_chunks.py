"""What the database holds, for retention: tasks and chunks with their sizes and ages, read without opening them."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from storage.errors import DatabaseError
from storage.journal.inventory import StoredChunk, StoredTask
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import translate_errors

__all__ = ["FileInventory", "stored_chunks", "stored_tasks"]

# The chunks' ids come from the index alone, two look-ups a task.
_TASKS: Final = """
WITH page AS (
  SELECT task_key, task_id, first_sequence, last_sequence, stored_bytes FROM journal_tasks
  WHERE task_id > ?1 AND last_sequence >= first_sequence ORDER BY task_id LIMIT ?2
), ends AS (
  SELECT page.*,
  (SELECT record_id FROM journal_records r WHERE r.task_key = page.task_key AND kind = 0
   ORDER BY r.last_sequence LIMIT 1) AS oldest,
  (SELECT record_id FROM journal_records r WHERE r.task_key = page.task_key AND kind = 0
   ORDER BY r.last_sequence DESC LIMIT 1) AS newest
  FROM page
)
SELECT task_id, first_sequence, last_sequence, stored_bytes,
(SELECT at FROM journal_marks WHERE record_id >= oldest ORDER BY record_id LIMIT 1),
(SELECT at FROM journal_marks WHERE record_id >= newest ORDER BY record_id LIMIT 1),
newest FROM ends ORDER BY task_id"""

_CHUNKS: Final = """
SELECT record_id, last_sequence, length(payload),
(SELECT at FROM journal_marks m WHERE m.record_id >= r.record_id ORDER BY m.record_id LIMIT 1)
FROM journal_records r WHERE task_key = (SELECT task_key FROM journal_tasks WHERE task_id = ?) AND kind = 0
AND last_sequence > ? ORDER BY last_sequence LIMIT ?"""


def stored_tasks(connection: sqlite3.Connection, after: str, count_max: int) -> Sequence[StoredTask]:
    """See ``storage.journal.inventory.Inventory``."""
    now = time.time()  # what has no mark yet was stored at or before now
    return [
        StoredTask(
            task_id, first, last, size, now if oldest is None else oldest, now if newest is None else newest, id_
        )
        for task_id, first, last, size, oldest, newest, id_ in connection.execute(_TASKS, (after, count_max))
        if id_ is not None  # missing chunks are reported when they are read
    ]


def stored_chunks(connection: sqlite3.Connection, task_id: str, after: int, count_max: int) -> Sequence[StoredChunk]:
    """See ``storage.journal.inventory.Inventory``."""
    now = time.time()
    return [
        StoredChunk(record, last, size, now if at is None else at)
        for record, last, size, at in connection.execute(_CHUNKS, (task_id, after, count_max))
    ]


class FileInventory:
    """``storage.journal.inventory.Inventory`` of a database that another process may have open; changes nothing.

    Attributes:
        epoch: the journal's life; empty if it has none yet.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, epoch: str) -> None:
        self.epoch = epoch
        self._path = path
        self._connection = connection

    def __repr__(self) -> str:
        return f"<FileInventory {str(self._path)!r} epoch={self.epoch}>"

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a journal's database for reading.

        Raises:
            DatabaseError: it is not there, or not of this version; the text says why in one sentence.
            StorageUnavailableError: it cannot be read now.
        """
        if not path.exists():
            raise DatabaseError(f"there is no database {path}")
        with translate_errors(path):
            connection = open_connection(path, Access.READ)
            try:
                columns = {row[1] for row in connection.execute("PRAGMA table_info(journal_tasks)")}
                known = "stored_bytes" in columns
                query = "SELECT value FROM journal_meta WHERE name = 'epoch'"
                row = connection.execute(query).fetchone() if known else None
            except BaseException:
                connection.close()
                raise
        if not known:
            connection.close()
            raise DatabaseError(f"{path} is not of this version; run `otto-gateway migrate` first")
        return cls(path, connection, row[0] if row else "")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    async def stored_tasks(self, after: str, *, count_max: int) -> Sequence[StoredTask]:
        """See ``Inventory``."""
        with translate_errors(self._path):
            return await asyncio.to_thread(stored_tasks, self._connection, after, count_max)

    async def stored_chunks(self, task_id: str, after: int, *, count_max: int) -> Sequence[StoredChunk]:
        """See ``Inventory``."""
        with translate_errors(self._path):
            return await asyncio.to_thread(stored_chunks, self._connection, task_id, after, count_max)
