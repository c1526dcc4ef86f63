"""The rows of a commit on PostgreSQL: what is read before it, and the arguments of the one call that stores it."""

from collections.abc import Iterable, Sequence
from typing import Final

from storage.journal.group_writer import GroupWriter
from storage.journal.interface import (
    Append,
    LineBatch,
    StageProgress,
    StreamClosed,
    TaskEnded,
    TaskEnding,
    WorkerRegistered,
    WorkerReport,
)
from storage.journal.known_state import WrittenTask
from storage.journal.postgres.commit_call import columns, flag, storable
from storage.journal.postgres.lanes import lane_of, lane_of_item
from storage.journal.postgres.written_rows import DECIDING, REMOVED, TASKS, WORKERS, ChangedWorker, VersionedTask
from storage.journal.queries import LINES_KIND
from storage.journal.removed_tasks import name_hash
from storage.postgres.connections import Link

__all__ = ["RowWriter"]

_KEYS_AT_ONCE: Final = 32
"""Keys of tasks that are taken from the sequence at a time; those that are not used are left out for good."""


class RowWriter(GroupWriter):
    """Gathers what a commit changes; belongs to the writer's thread.

    Args:
        link: the connection.
        lanes: of the journal.
    """

    def __init__(self, link: Link, lanes: int) -> None:
        self._link = link
        self._lanes = lanes
        self._keys: list[int] = []
        super().__init__(self)

    def _begin(self) -> None:
        super()._begin()
        self._workers: dict[tuple[int, str], ChangedWorker] = {}
        self._stages: dict[tuple[str, str], StageProgress] = {}
        self._pipelines: dict[str, tuple[int, int]] = {}  # what it was and what it is
        self._new_keys: set[int] = set()
        self._loaded_tasks: dict[str, VersionedTask | None] = {}
        self._loaded_removed: dict[str, tuple[int, TaskEnded | None]] = {}
        self._loaded_numbers: dict[str, int] = {}
        self._loaded_workers: dict[tuple[int, str], str | None] = {}

    def _lanes_of(self, items: Sequence[Append]) -> list[int]:
        return sorted({lane_of_item(item, self._lanes) for item in items})

    def _lane_arguments(self, keys: Sequence[object]) -> list[list[object]]:
        """The lanes of what ``_arguments`` has: of tasks, of stages, of records."""
        lanes: dict[object, object] = {
            task.key: lane_of(task.task_id, self._lanes) for task in self._known.touched.values()
        }
        return [
            [lanes[key] for key in keys],
            [lane_of(each.pipeline_id, self._lanes) for each in self._stages.values()],
            [lanes[row[0]] for row in self._records],
        ]

    def _arguments(self) -> list[list[object]]:
        rows = {row[0]: row for row in self._pack_all()}
        with_workers = {key for key, _ in self._workers}
        for task in self._known.touched.values():
            is_new = not task.version  # type: ignore[attr-defined]
            if task.key not in rows and (is_new or task.key in with_workers):
                end = task.ended
                fields = (None,) * 4 if end is None else (end.status, end.timestamp, end.reason, end.through_status)
                rows[task.key] = (task.key, task.last, *fields, 0)
        by_key = {task.key: task for task in self._known.touched.values()}
        newest = {row[0]: place for place, row in enumerate(self._records, 1) if row[1] == LINES_KIND}
        tasks: list[tuple[object, ...]] = []
        for key, last, status, at, reason, through, size in rows.values():
            task = by_key[key]  # type: ignore[index]
            ending = (status, at, storable(reason), flag(through))
            tasks.append((key, task.task_id, task.version, last, *ending, size, newest.get(key)))  # type: ignore[attr-defined]
        workers = [
            (key, worker, each.is_new, each.status, storable(each.reason), each.metadata)
            for (key, worker), each in self._workers.items()
        ]
        stored = self._known.stored
        producers = [(name, stored[name], number) for name, number in self._known.counted.items()]
        pipelines = [(name, before) for name, (before, _) in self._pipelines.items()]
        stages = [(each.pipeline_id, each.stage_id, each.number, each.document) for each in self._stages.values()]
        return [
            *columns(tasks, 10),
            *columns(workers, 6),
            *columns(producers, 3),
            *columns(pipelines, 2),
            *columns(stages, 4),
            *columns(self._records, 11),
        ]

    def _preload(self, items: Sequence[Append]) -> None:
        """Read what is not known yet of the tasks, producers and workers of a group, a query each."""
        self._look_again({item.task_id for item in items if isinstance(item, StreamClosed | TaskEnding)})
        firsts = {item.producer.producer_id: item.producer for item in reversed(items) if item.producer is not None}
        for name, first in firsts.items():
            self._known.forget_behind(name, first.number - 1 if first.previous is None else first.previous)
        numbers = {name: first.number for name, first in firsts.items()}
        tasks, producers = self._known.unknown(
            {item.task_id for item in items if not isinstance(item, StageProgress)}, numbers
        )
        if tasks:
            self._load_tasks(tasks)
        if producers:
            self._loaded_numbers = dict.fromkeys(producers, 0)
            rows = self._link.fetch(
                "SELECT producer_id, number FROM journal_producers WHERE producer_id = ANY($1::text[])", producers
            )
            self._loaded_numbers.update((row[0], row[1]) for row in rows)
        workers = {
            (task.key, item.worker_id)
            for item in items
            if isinstance(item, LineBatch | WorkerReport | WorkerRegistered)
            and (task := self._known.known_task(item.task_id) or self._loaded_tasks.get(item.task_id)) is not None
            and (task.key, item.worker_id) not in self._known.statuses
        }
        if workers:
            self._loaded_workers = dict.fromkeys(workers)
            keys, names = zip(*workers, strict=True)
            for row in self._link.fetch(WORKERS, list(keys), list(names)):
                self._loaded_workers[row[0], row[1]] = row[2]

    def _look_again(self, names: Iterable[str]) -> None:
        """Forget what is remembered, if others have changed one of these tasks.

        The end of a task or of a stream changes nothing where the task has ended already, or a worker has not. Then no
        version is compared by the commit.
        """
        known = {name: task for name in names if (task := self._known.known_task(name)) is not None}
        if not known:
            return
        rows = self._link.fetch(
            "SELECT task_id, version FROM journal_tasks WHERE task_id = ANY($1::text[])", list(known)
        )
        versions = {row[0]: row[1] for row in rows}
        if any(versions.get(name) != task.version for name, task in known.items()):  # type: ignore[attr-defined]
            self.forget()

    def _load_tasks(self, names: Sequence[str]) -> None:
        self._loaded_tasks.update(dict.fromkeys(names))
        for name, key, version, last, status, at, reason, through, workers, finished in self._link.fetch(
            TASKS, list(names)
        ):
            ended = None if status is None else TaskEnded(name, last, status, at, reason, through)
            self._loaded_tasks[name] = VersionedTask(
                key, name, last, ended, workers=workers, unfinished=workers - finished, version=version
            )
        if new := {name_hash(name): name for name in names if self._loaded_tasks[name] is None}:
            for hashed, last, status, at in self._link.fetch(REMOVED, list(new)):
                ended = status and TaskEnded(new[hashed], last, status, at, through_status=True)
                self._loaded_removed[new[hashed]] = (last, ended)

    def number_of(self, producer_id: str) -> int:
        """See ``StateSource``."""
        if producer_id in self._loaded_numbers:
            return self._loaded_numbers[producer_id]
        rows = self._link.fetch("SELECT number FROM journal_producers WHERE producer_id = $1", producer_id)
        return int(rows[0][0]) if rows else 0

    def task(self, task_id: str) -> WrittenTask | None:
        """See ``StateSource``."""
        if task_id not in self._loaded_tasks:
            self._load_tasks([task_id])
        return self._loaded_tasks[task_id]

    def add_task(self, task_id: str) -> WrittenTask:
        """See ``StateSource``."""
        if not self._keys:
            rows = self._link.fetch("SELECT nextval('journal_task_keys') FROM generate_series(1, $1)", _KEYS_AT_ONCE)
            self._keys = [row[0] for row in reversed(rows)]
        key = self._keys.pop()
        self._new_keys.add(key)
        last, ended = self._loaded_removed.get(task_id, (0, None))
        return VersionedTask(key, task_id, last, ended)

    def add_worker(self, key: int, worker_id: str) -> str | None:
        """See ``StateSource``."""
        worker = (key, worker_id)
        if worker not in self._workers:
            if worker not in self._loaded_workers and key not in self._new_keys:
                rows = self._link.fetch(WORKERS, [key], [worker_id])
                self._loaded_workers[worker] = rows[0][2] if rows else None
            status = self._loaded_workers.get(worker)
            if status is not None:
                return status
            self._workers[worker] = ChangedWorker(is_new=True)
            return None
        return self._workers[worker].status or ""

    def _set_status(self, key: int, worker_id: str, status: str, reason: str) -> None:
        worker = self._workers.setdefault((key, worker_id), ChangedWorker())
        worker.status, worker.reason = status, reason

    def _set_metadata(self, key: int, worker_id: str, metadata: str) -> None:
        self._workers.setdefault((key, worker_id), ChangedWorker()).metadata = metadata

    def _deciding_report(self, key: int) -> tuple[str, str]:
        reported = {
            worker: (each.status, each.reason or "")
            for (of, worker), each in self._workers.items()
            if of == key and each.status is not None
        }
        found = [(status, reason, worker) for worker, (status, reason) in reported.items()]
        found += [tuple(row) for row in self._link.fetch(DECIDING, key, list(reported))]
        status, reason, _ = min(found, key=lambda each: (each[0] != "FAILED", not each[1], each[2]))
        return status, reason

    def _last_stage(self, pipeline_id: str) -> int:
        if pipeline_id not in self._pipelines:
            rows = self._link.fetch("SELECT max(number) FROM journal_stages WHERE pipeline_id = $1", pipeline_id)
            self._pipelines[pipeline_id] = (rows[0][0] or 0, rows[0][0] or 0)
        return self._pipelines[pipeline_id][1]

    def _store_stage(self, progress: StageProgress) -> None:
        before, _ = self._pipelines[progress.pipeline_id]
        self._pipelines[progress.pipeline_id] = (before, progress.number)
        stage = (progress.pipeline_id, progress.stage_id)
        self._stages.pop(stage, None)  # the last state is after the others, too
        self._stages[stage] = progress
