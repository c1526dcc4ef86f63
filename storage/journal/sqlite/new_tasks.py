"""Tasks that a transaction begins with lines of: looked up and made all at once, however many they are."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from storage.journal.interface import TaskEnded
from storage.journal.known_state import WrittenTask
from storage.journal.removed_tasks import IDLE_SECONDS, name_hash
from storage.journal.sqlite.queries import REMOVED_STATUS, REMOVED_TIME

__all__ = ["NewTasks", "find", "make"]

_FIND: Final = """
SELECT task_id, task_key, last_sequence, end_status, end_timestamp, end_reason, end_through_status,
  (SELECT count(*) FROM journal_workers w WHERE w.task_key = t.task_key),
  (SELECT count(*) FROM journal_workers w WHERE w.task_key = t.task_key
    AND status NOT IN ('COMPLETED', 'FAILED', 'TERMINATED'))
FROM journal_tasks t WHERE task_id IN (SELECT value FROM json_each(?))"""
_TAKE_REMOVED: Final = f"""
DELETE FROM journal_removed_tasks WHERE name_hash IN (SELECT value FROM json_each(?))
RETURNING name_hash, last_sequence, {REMOVED_STATUS}, {REMOVED_TIME}"""  # noqa: S608 - constants
_ADD_TASKS: Final = """
INSERT INTO journal_tasks (task_id, first_sequence, last_sequence, end_status, end_timestamp, end_reason,
  end_through_status, removable_at)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') + 1, json_extract(value, '$[1]'),
  json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), ?2
FROM json_each(?1) ORDER BY key"""
_ADD_WORKERS: Final = """
INSERT INTO journal_workers (task_key, worker_id)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"""


class NewTasks:
    """Four statements for all of them, where each would take four of its own.

    Between two statements the thread gives up the interpreter's lock, and beside a busy event loop it waits up to a
    fifth of a millisecond to get it back: when a thousand workers begin at once, that was most of their commit.
    """

    def __init__(self) -> None:
        self._found: dict[str, WrittenTask | None] = {}
        self._made: dict[str, WrittenTask] = {}
        self._workers: set[tuple[int, str]] = set()

    def __repr__(self) -> str:
        return f"<NewTasks {len(self._found)} looked up, {len(self._made)} made>"

    def prepare(self, db: sqlite3.Connection, workers: Mapping[str, str]) -> None:
        """Look up tasks that are not known, and make those that do not exist, each with the worker of its lines."""
        self._found, self._made, self._workers = dict.fromkeys(workers), {}, set()
        if len(workers) == 1:  # takes no fewer statements this way
            self._found.clear()
        if not self._found:
            return
        self._found.update(find(db, list(workers)))
        new = [name for name in workers if self._found[name] is None]
        if new:
            self._made = make(db, new)
            self._workers = {(task.key, workers[name]) for name, task in self._made.items()}
            db.execute(_ADD_WORKERS, (_json(sorted(self._workers)),))

    def is_looked_up(self, task_id: str) -> bool:
        """Whether ``found`` knows."""
        return task_id in self._found

    def found(self, task_id: str) -> WrittenTask | None:
        """A task that was there."""
        return self._found[task_id]

    def take(self, task_id: str) -> WrittenTask | None:
        """A task that was made, for the one who asks first."""
        return self._made.pop(task_id, None)

    def take_worker(self, key: int, worker_id: str) -> bool:
        """Whether a worker was made; True once."""
        if (key, worker_id) not in self._workers:
            return False
        self._workers.discard((key, worker_id))
        return True


def find(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, WrittenTask]:
    """Those of the tasks that are stored."""
    found: dict[str, WrittenTask] = {}
    for name, key, last, status, timestamp, reason, through_status, workers, unfinished in db.execute(
        _FIND, (_json(names),)
    ).fetchall():
        ended = None if status is None else TaskEnded(name, last, status, timestamp, reason, bool(through_status))
        found[name] = WrittenTask(key, name, last, ended, workers, unfinished)
    return found


def make(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, WrittenTask]:
    """Make tasks; those that were removed go on where they were."""
    hashes = {name: name_hash(name) for name in names}
    removed = {row[0]: row[1:] for row in db.execute(_TAKE_REMOVED, (_json([*hashes.values()]),)).fetchall()}
    rows: list[tuple[object, ...]] = []
    made: dict[str, WrittenTask] = {}
    for name in names:
        last, status, timestamp = removed.pop(hashes[name], (0, None, ""))
        rows.append((name, last, *((None,) * 4 if status is None else (status, timestamp, "", 1))))
        ended = None if status is None else TaskEnded(name, last, status, timestamp, through_status=True)
        made[name] = WrittenTask(0, name, last, ended)
    cursor = db.execute(_ADD_TASKS, (_json(rows), int(time.time()) + IDLE_SECONDS))
    # Within one statement keys are given without a hole.
    for key, task in enumerate(made.values(), int(cursor.lastrowid or 0) - len(rows) + 1):
        task.key = key
    return made


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()
