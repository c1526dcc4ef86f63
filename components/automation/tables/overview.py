"""What is shown of tasks: lists by tab with their counts, one task with all that is of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, distinct, exists, func, select

from components.automation.json_objects import parse_object
from components.automation.tables.database import AutomationDatabase
from components.automation.tables.records import media_mode, next_queue_type, progress_of, share_done
from components.automation.tables.schema import contents, task_logs, task_queue, task_schedules, tasks
from components.automation.tables.times import moment

__all__ = ["TABS", "ListedTask", "StageOverview", "TaskDetail", "TaskOverview", "TaskPage"]

TABS: Final = ("scheduled", "script", "image", "video", "youtube", "failed", "completed")
_QUEUES: Final = {"scheduled": "schedule", "script": "script", "image": "image", "video": "video", "youtube": "youtube"}
_STATUSES: Final = {"waiting": "PENDING", "processing": "RUNNING", "completed": "COMPLETED", "failed": "FAILED"}
Row = dict[str, Any]
"""Of a table, by its columns."""


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A row of ``tasks`` with its newest item and its newest schedule."""

    task: Row
    queue: Row | None
    schedule: Row | None


@dataclass(frozen=True, slots=True)
class TaskPage:
    """The tasks of a page, how many tasks each tab has, and how many there are on all pages of this one."""

    tasks: Sequence[ListedTask]
    counts: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOverview:
    """A stage of the run that began last; what is not known is None."""

    name: str
    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    message: str | None = None
    progress: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """One task with all that is of it; each stage that is not skipped is the same share of ``percent``."""

    task: Row
    schedule: Row | None
    queue: Sequence[Row]
    content: Row | None
    percent: int
    stages: Sequence[StageOverview]


class TaskOverview:
    """Blocking reads. Each method uses one consistent snapshot."""

    def __init__(self, database: AutomationDatabase) -> None:
        self._database = database

    def __repr__(self) -> str:
        return f"<TaskOverview {self._database!r}>"

    def page(
        self, tab: str | None, limit: int, offset: int, *, may_read: Callable[[str], bool] | None = None
    ) -> TaskPage:
        """The newest tasks of a tab, and the counts of all tabs.

        A task counts once in a tab: in the one of a queue with an item that waits or runs, in ``failed`` with a failed
        item that was not tried again since, in ``completed`` with a completed one of ``youtube``.

        Args:
            tab: one of ``TABS``; None: every task.
            limit: rows of the page.
            offset: rows before it.
            may_read: leaves out tasks by their ids; None: nothing is left out.
        """
        with self._database.reading() as connection:
            if may_read is None:
                of_tab = {name: select(func.count(distinct(task_queue.c.task_id))).where(_in(name)) for name in TABS}
                counts = {name: connection.execute(query).scalar() or 0 for name, query in of_tab.items()}
                query = select(tasks).where(*_of(tab)).order_by(moment(tasks.c.created_at).desc(), tasks.c.id)
                found = [dict(row) for row in connection.execute(query.limit(limit).offset(offset)).mappings()]
                total = (
                    counts[tab] if tab else connection.execute(select(func.count()).select_from(tasks)).scalar() or 0
                )
            else:
                counts = {}
                for name in TABS:
                    ids = connection.execute(select(task_queue.c.task_id).where(_in(name)).distinct()).scalars()
                    counts[name] = sum(map(may_read, ids))
                query_ids = select(tasks.c.id).where(*_of(tab)).order_by(moment(tasks.c.created_at).desc(), tasks.c.id)
                known = list(filter(may_read, connection.execute(query_ids).scalars()))
                total = len(known)
                wanted = known[offset : offset + limit]
                rows = {
                    row["id"]: dict(row)
                    for row in connection.execute(select(tasks).where(tasks.c.id.in_(wanted))).mappings()
                }
                found = [rows[each] for each in wanted]
            ids_shown = [row["id"] for row in found]
            newest: dict[str, Row] = {}
            for table, name in ((task_queue, "queue"), (task_schedules, "schedule")):
                last = select(func.max(table.c.id)).where(table.c.task_id.in_(ids_shown)).group_by(table.c.task_id)
                for row in connection.execute(select(table).where(table.c.id.in_(last))).mappings():
                    newest.setdefault(row["task_id"], {})[name] = dict(row)
            of = {row["id"]: newest.get(row["id"], {}) for row in found}
            listed = [ListedTask(row, of[row["id"]].get("queue"), of[row["id"]].get("schedule")) for row in found]
            return TaskPage(listed, counts, total)

    def detail(self, task_id: str) -> TaskDetail | None:
        """All of one task; None if there is none."""
        with self._database.reading() as connection:
            task = connection.execute(select(tasks).where(tasks.c.id == task_id)).mappings().first()
            if task is None:
                return None
            of = select(task_schedules).where(task_schedules.c.task_id == task_id)
            schedule = connection.execute(of.order_by(task_schedules.c.id.desc()).limit(1)).mappings().first()
            items = select(task_queue).where(task_queue.c.task_id == task_id).order_by(task_queue.c.id)
            queue = [dict(row) for row in connection.execute(items).mappings()]
            content = connection.execute(select(contents).where(contents.c.id == task["content_id"])).mappings().first()
            run = _run(queue)
            newest = (
                select(task_logs.c.queue_id, task_logs.c.action_type, func.max(task_logs.c.id))
                .where(
                    task_logs.c.task_id == task_id,
                    task_logs.c.queue_id.in_([row["id"] for row in run.values()]),
                    task_logs.c.action_type.in_(("start", "progress")),
                )
                .group_by(task_logs.c.queue_id, task_logs.c.action_type)
                .subquery()
            )
            told = select(task_logs).where(task_logs.c.id.in_(select(newest.c[2])))
            logs: dict[tuple[int, str], Row] = {
                (row["queue_id"], row["action_type"]): dict(row) for row in connection.execute(told).mappings()
            }
            percent, stages = _progress(run, logs, media_mode(task["settings"]))
            return TaskDetail(
                dict(task),
                None if schedule is None else dict(schedule),
                queue,
                None if content is None else dict(content),
                percent,
                stages,
            )


def _in(tab: str) -> ColumnElement[bool]:
    """The items that put their task in a tab."""
    if tab == "completed":
        return and_(task_queue.c.queue_type == "youtube", task_queue.c.status == "completed")
    if tab == "failed":
        later = task_queue.alias()
        again = exists().where(
            later.c.task_id == task_queue.c.task_id,
            later.c.queue_type == task_queue.c.queue_type,
            later.c.id > task_queue.c.id,
        )
        return and_(task_queue.c.status == "failed", ~again)
    return and_(task_queue.c.queue_type == _QUEUES[tab], task_queue.c.status.in_(("waiting", "processing")))


def _of(tab: str | None) -> list[ColumnElement[bool]]:
    return [] if tab is None else [tasks.c.id.in_(select(task_queue.c.task_id).where(_in(tab)))]


def _run(queue: list[Row]) -> dict[str, Row]:
    """The newest item of each stage of the run that began last; a repeating schedule's next one has not begun."""
    begun = [row["id"] for row in queue if row["queue_type"] == "schedule" and row["status"] != "waiting"]
    first = max(begun, default=0)
    return {row["queue_type"]: row for row in queue if row["id"] >= first and not _is_next(row, bool(begun))}


def _is_next(row: Row, has_begun: bool) -> bool:
    return has_begun and row["queue_type"] == "schedule" and row["status"] == "waiting"


def _progress(
    run: dict[str, Row], logs: dict[tuple[int, str], Row], mode: str | None
) -> tuple[int, list[StageOverview]]:
    """How far a run is, in per cent, and its stages."""
    names = ["schedule"]
    while following := next_queue_type(names[-1], mode):
        names.append(following)
    stages: list[StageOverview] = []
    done = 0.0
    for name in ("schedule", "script", "image", "video", "youtube"):
        item = run.get(name)
        if name not in names and item is None:
            stages.append(StageOverview(name=name, status="SKIPPED"))
            continue
        if item is None:
            stages.append(StageOverview(name=name, status="PENDING"))
            continue
        started, reported = logs.get((item["id"], "start")), logs.get((item["id"], "progress"))
        given = (parse_object(reported["metadata"]) if reported is not None else None) or {}
        share, counted = share_done(given), progress_of(given)
        stages.append(
            StageOverview(
                name=name,
                status=_STATUSES.get(item["status"], "PENDING"),
                started_at=None if started is None else started["created_at"],
                ended_at=item["completed_at"],
                message=item["error_message"] or None,
                progress=None if counted is None else counted[0],
                total=None if counted is None else counted[1],
            )
        )
        done += 1.0 if item["status"] == "completed" else share or 0.0 if item["status"] == "processing" else 0.0
    shown = sum(stage.status != "SKIPPED" for stage in stages)
    return int(100 * done / shown), stages
