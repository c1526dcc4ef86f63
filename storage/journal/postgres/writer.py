"""The gateway's writer on PostgreSQL: computes on what it knows, and stores a group in one round trip."""

import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from storage.errors import StorageObstructedError, StorageUnavailableError
from storage.journal.group_writer import CommitResult
from storage.journal.interface import (
    Append,
    Receipt,
)
from storage.journal.postgres.commit_call import COMMIT, COMMIT_LANES, StoredRange
from storage.journal.postgres.epoch import Life, Remembered, begin_life
from storage.journal.postgres.lanes import lane_of
from storage.journal.postgres.row_writer import RowWriter
from storage.journal.postgres.schema import add_partitions
from storage.journal.postgres.written_rows import Doubt
from storage.postgres.connections import Link
from storage.postgres.errors import is_lost

__all__ = ["PostgresWriter"]

_log = logging.getLogger(__name__)

_CONFLICT: Final = "OT001"
_OTHER_LIFE: Final = "OT002"
_OUT_OF_TURN: Final = "OT003"
_NO_PARTITION: Final = asyncpg.CheckViolationError

_GATEWAYS_KEPT: Final = "7 days"

_LOCK: Final = "SELECT 1 FROM journal_lanes WHERE lane = ANY($1::integer[]) ORDER BY lane FOR UPDATE"

# Acknowledged means stored, whatever is set for everybody else.
_SYNCHRONOUS: Final = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')"""


class PostgresWriter(RowWriter):
    """State that follows the database, compared with it by each commit; belongs to the writer's thread.

    A commit is one call of ``journal_commit``: it locks the lanes of its tasks and pipelines, and fails whole where
    one of these or a producer is not as it was when the commit was computed. Then it is computed again, with the lanes
    locked.

    Args:
        link: the connection; synchronous commits.
        life: what the journal is at the start.
        remembered: what this gateway has stored or has seen.
        on_life: called with a life that began while the gateway runs.
        on_stored: called with where a commit is in each of its lanes, before anybody hears of it.
    """

    def __init__(
        self,
        link: Link,
        life: Life,
        *,
        remembered: Remembered,
        on_life: Callable[[Life], None],
        on_stored: Callable[[Sequence[StoredRange]], None],
    ) -> None:
        self._life = life
        self._remembered = remembered
        self._on_life = on_life
        self._on_stored = on_stored
        self._gateway = secrets.token_hex(8)
        self._number = 0
        self._is_registered = False
        self._doubt: Doubt | None = None
        super().__init__(link, len(life.positions))

    def __repr__(self) -> str:
        return f"<PostgresWriter {self._gateway} commit={self._number}>"

    @property
    def gateway(self) -> str:
        """The name that this gateway has drawn."""
        return self._gateway

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def commit(self, items: Sequence[Append]) -> CommitResult:
        """Store a group.

        Raises:
            Exception: what the driver raises. Nothing of the group is stored, unless the connection was lost: then the
                next call finds out.
        """
        started = time.perf_counter()
        self._ready()
        if (doubt := self._doubt) is not None:
            stored = self._resolve(doubt)
            self._doubt = None
            if stored is not None and doubt.items is items:
                return stored
        try:
            try:
                return self._attempt(items, started)
            except asyncpg.PostgresError as error:
                is_locked = error.sqlstate in (_CONFLICT, _OUT_OF_TURN)
                if not is_locked and not isinstance(error, _NO_PARTITION):
                    raise
                if error.sqlstate == _OUT_OF_TURN:
                    self._rename()
            self.forget()
            return self._attempt_locked(items, started) if is_locked else self._attempt_on_new_day(items, started)
        except BaseException as error:
            self.forget()
            if getattr(error, "sqlstate", "") == _OTHER_LIFE:
                self._link.drop()  # the next connection looks which one it is
                raise StorageObstructedError("another life of the journal has begun") from error
            if isinstance(error, asyncpg.DataError):  # one of the items is wrong, and the others are not
                raise ValueError(str(error)) from error  # noqa: TRY004 - a value of the wrong form
            raise

    def _ready(self) -> None:
        """Connect, and see that this gateway and the journal's life are known."""
        self._link.open()
        if not self._is_registered:
            self._link.execute(
                "INSERT INTO journal_gateways (gateway, commit_number, position, stages, seen) "
                "VALUES ($1, 0, 0, 0, now()) ON CONFLICT DO NOTHING",
                self._gateway,
            )
            self._link.execute(f"DELETE FROM journal_gateways WHERE seen < now() - interval '{_GATEWAYS_KEPT}'")  # noqa: S608
            self._is_registered = True

    def _rename(self) -> None:
        """Draw another name: the row of this one is gone, or a copy of this gateway's machine counts commits in it."""
        _log.warning(
            "this gateway's commits are out of turn; it draws another name", extra={"name_before": self._gateway}
        )
        self._gateway, self._number, self._is_registered = secrets.token_hex(8), 0, False
        self._ready()

    def connected(self, link: Link) -> None:
        """Look which life the database is in, after a connection was made."""
        link.fetch(_SYNCHRONOUS)
        life = begin_life(link, self._remembered.memory)
        if life.token != self._life.token:
            self._life = life
            self._remembered.began(life)
            self.forget()
            self._on_life(life)

    def _resolve(self, doubt: Doubt) -> CommitResult | None:
        """What became of a commit; with the lane locked, so that none is still under way."""
        self._link.execute("BEGIN")
        try:
            self._link.fetch(_LOCK, self._lanes_of(doubt.items))
            rows = self._link.fetch(
                "SELECT commit_number, position, stages, places FROM journal_gateways WHERE gateway = $1", self._gateway
            )
            self._link.execute("COMMIT")
        except BaseException:
            self._link.drop()
            raise
        if not rows:  # the database was put back to before this gateway
            self._is_registered, self._number = False, 0
            self._ready()
            return None
        self._number, position, stages, places = rows[0]
        if self._number != doubt.number:
            return None
        return doubt.results(places if self._lanes > 1 else (position, stages))

    def _attempt_locked(self, items: Sequence[Append], started: float) -> CommitResult:
        """Compute again while nobody else can change anything."""
        self._link.execute("BEGIN")
        try:
            self._link.fetch(_LOCK, self._lanes_of(items))
            return self._attempt(items, started, finish="COMMIT")
        except BaseException:
            self._link.drop()  # rolls back
            raise

    def _attempt_on_new_day(self, items: Sequence[Append], started: float) -> CommitResult:
        add_partitions(self._link)
        return self._attempt(items, started)

    def _attempt(self, items: Sequence[Append], started: float, *, finish: str = "") -> CommitResult:
        self._begin()
        self._preload(items)
        receipts = [self._apply(item) for item in items]
        arguments = self._arguments()
        if not any(arguments):
            if finish:
                self._link.execute(finish)
            return self._result(receipts, 0, started)  # nothing is changed: duplicates, and the like
        results = self._results(receipts, {*arguments[0]}, started)
        number = self._number + 1
        try:
            if self._lanes == 1:
                (found,) = self._link.fetch(COMMIT, 0, self._life.token, self._gateway, number, *arguments)
            else:
                arguments += self._lane_arguments(arguments[0])
                lanes = self._lanes_of(items)
                ((found,),) = self._link.fetch(COMMIT_LANES, lanes, self._life.token, self._gateway, number, *arguments)
            if finish:
                self._link.execute(finish)
        except Exception as error:
            if is_lost(error):
                self._doubt = Doubt(items, number, results)
            raise
        self._number = number
        return results(found)

    def _results(
        self, receipts: Sequence[Receipt | StorageUnavailableError], keys: set[object], started: float
    ) -> Callable[[Sequence[int]], CommitResult]:
        """What follows from a commit once it is stored, and where its lanes stood before and after is known."""
        stored, stages = self._records, len(self._stages)
        names = {task.key: task.task_id for task in self._known.touched.values()}
        written = [task for task in self._known.touched.values() if task.key in keys]

        def results(found: Sequence[int]) -> CommitResult:
            for task in written:
                task.version += 1  # type: ignore[attr-defined]  # all of them are ours
            self._known.trim()
            if self._lanes == 1:
                position, stage = found
                found = (0, position - len(stored), position, stage - stages, stage)
            rows = defaultdict[int, list[tuple[object, ...]]](list)
            for row in stored:
                name = names[row[0]]  # type: ignore[index]
                rows[lane_of(name, self._lanes)].append((name, *row[1:4], *row[7:]))
            ranges = []
            for start in range(0, len(found), 5):
                lane, before, position, stages_before, stage = found[start : start + 5]
                self._remembered.saw(self._life.token, lane, position)
                place = (before, position, stages_before, stage)
                ranges.append(StoredRange(*place, self._life.token, rows[lane], lane))
            self._on_stored(ranges)
            last_record = max(each.position for each in ranges if each.records) if stored else 0
            return self._result(receipts, last_record, started)

        return results
