"""What is shown of tasks: lists by tab with their counts, one task with all that is of it."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, distinct, exists, func, select

from components.automation.json_objects import parse_object
from components.automation.tables.database import AutomationDatabase
from components.automation.tables.records import media_mode, next_queue_type, progress_of, share_done
from components.automation.tables.schema import contents, task_logs, task_queue, task_schedules, tasks
from components.automation.tables.times import moment

__all__ = ["TABS", "TaskOverview"]

TABS: Final = ("scheduled", "script", "image", "video", "youtube", "failed", "completed")
_QUEUES: Final = {"scheduled": "schedule", "script": "script", "image": "image", "video": "video", "youtube": "youtube"}
_STATUSES: Final = {"waiting": "PENDING", "processing": "RUNNING", "completed": "COMPLETED", "failed": "FAILED"}
Row = dict[str, Any]


class TaskOverview:
    """Reads; each method sees one consistent picture, and blocks."""

    def __init__(self, database: AutomationDatabase) -> None:
        self._database = database

    def __repr__(self) -> str:
        return f"<TaskOverview {self._database!r}>"

    def page(
        self, tab: str | None, limit: int, offset: int, *, may_read: Callable[[str], bool] | None = None
    ) -> tuple[list[Row], dict[str, int], int]:
        """The newest tasks of a tab, the counts of all tabs, and how many tasks the tab has.

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
            for shown in found:
                of = newest.get(shown["id"], {})
                shown |= {"queue": of.get("queue"), "schedule": of.get("schedule")}
            return found, counts, total

    def detail(self, task_id: str) -> Row | None:
        """``task``, ``schedule``, ``queue``, ``content`` and ``progress``; None for an unknown task."""
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
            return {
                "task": dict(task),
                "schedule": None if schedule is None else dict(schedule),
                "queue": queue,
                "content": None if content is None else dict(content),
                "progress": _progress(run, logs, media_mode(task["settings"])),
            }


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


def _progress(run: dict[str, Row], logs: dict[tuple[int, str], Row], mode: str | None) -> Row:
    """How far a run is: each stage that is not skipped counts the same."""
    names = ["schedule"]
    while following := next_queue_type(names[-1], mode):
        names.append(following)
    stages: list[Row] = []
    done = 0.0
    for name in ("schedule", "script", "image", "video", "youtube"):
        item = run.get(name)
        if name not in names and item is None:
            stages.append({"name": name, "status": "SKIPPED"})
            continue
        stage: Row = {"name": name, "status": _STATUSES.get(item["status"], "PENDING") if item else "PENDING"}
        stages.append(stage)
        if item is None:
            continue
        started, told = logs.get((item["id"], "start")), logs.get((item["id"], "progress"))
        if started is not None and started["created_at"] is not None:
            stage["startedAt"] = started["created_at"]
        if item["completed_at"] is not None:
            stage["endedAt"] = item["completed_at"]
        if item["error_message"]:
            stage["message"] = item["error_message"]
        given = (parse_object(told["metadata"]) if told is not None else None) or {}
        share, counted = share_done(given), progress_of(given)
        if counted is not None:
            stage |= {"progress": counted[0], "total": counted[1]}
        done += 1.0 if item["status"] == "completed" else share or 0.0 if item["status"] == "processing" else 0.0
    shown = sum(stage["status"] != "SKIPPED" for stage in stages)
    return {"percent": int(100 * done / shown), "stages": stages}
