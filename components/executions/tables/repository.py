"""Writing and reading the tables of executions on one connection; transactions are the caller's."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Row,
    Select,
    Update,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from components.executions.tables.columns import NodeColumns, milliseconds
from components.executions.tables.matching import Action, Run, decide, duration
from components.executions.tables.records import (
    Change,
    NodeFilter,
    NodeReport,
    NodeStatus,
    ReportTaken,
    RunAllSummary,
    ScriptRecord,
    ScriptStatus,
)
from components.executions.tables.run_all import recorded_of
from components.executions.tables.schema import node_logs, script_executions, summaries, summarised
from components.executions.tables.statistics import Totals, totals_of

__all__ = ["Repository", "matching_ids", "rows_of"]

_CANDIDATES_MAX: Final = 200
"""Rows looked at for one report. Only reports without ``started_at`` ever have more to choose from."""

_run: Final = node_logs.c
_RUN_COLUMNS: Final = (
    _run.id,
    _run.status,
    _run.script_id,
    _run.started_at,
    _run.finished_at,
    _run.execution_time_ms,
    _run.error_message,
)
_OF_NODE: Final = (_run.execution_id == bindparam("of_execution"), _run.node_id == bindparam("of_node"))
_NEWEST: Final = (_run.started_at.desc().nulls_last(), _run.id.desc())


def _candidates(*where: ColumnElement[bool]) -> Select[Any]:
    return select(*_RUN_COLUMNS).where(*_OF_NODE, *where).order_by(*_NEWEST).limit(_CANDIDATES_MAX)


_ALL_RUNS: Final = _candidates()
_RUNS_THAT_BEGAN: Final = _candidates(_run.started_at == bindparam("began"))
_RUNS_WITHOUT_START: Final = _candidates(_run.started_at.is_(None))
_RUNNING: Final = _candidates(_run.status == literal_column("'running'"))
_EXECUTION: Final = select(_run.id).where(_run.execution_id == bindparam("of_execution")).limit(1)

_SAID: Final = (
    "script_id",
    "node_type",
    "node_name",
    "started_at",
    "finished_at",
    "execution_time_ms",
    "parameters",
    "result",
    "error_message",
    "error_traceback",
)
"""What a report may leave open."""

_INSERT: Final[Insert] = insert(node_logs)
_FINISH: Final[Update] = (
    update(node_logs)
    .where(_run.id == bindparam("of_id"))
    .values(
        status=bindparam("new_status"),
        **{name: func.coalesce(bindparam(f"new_{name}", type_=_run[name].type), _run[name]) for name in _SAID},
    )
)
_FILL: Final[Update] = (
    update(node_logs)
    .where(
        _run.id == bindparam("of_id"),
        or_(*(_run[name].is_(None) & bindparam(f"new_{name}", type_=_run[name].type).is_not(None) for name in _SAID)),
    )
    .values({name: func.coalesce(_run[name], bindparam(f"new_{name}", type_=_run[name].type)) for name in _SAID})
)


class Repository:
    """What one transaction does. Made for it, and thrown away with it.

    Args:
        columns: the form of the table of node runs.

    Attributes:
        totals: what the transaction changes of the statistics.
        changes: what others will want to hear of once it is committed.
    """

    def __init__(self, connection: Connection, columns: NodeColumns) -> None:
        self._connection = connection
        self._columns = columns
        self.totals = Totals()
        self.changes: list[Change] = []

    def report(self, report: NodeReport) -> ReportTaken:
        """Take a report of a node's run; see ``matching`` for the row that it goes to."""
        if report.execution_id is None or report.node_id is None:
            return self._insert(report, is_known=False)
        runs = self._runs(report)
        decision = decide(report, runs)
        run = decision.run
        if decision.action is Action.INSERT or run is None:
            return self._insert(report, is_known=bool(runs))
        if decision.action is Action.FINISH:
            self._finish(report, run)
            return ReportTaken(run.id, is_repeat=False)
        if decision.action is Action.FILL:
            return ReportTaken(run.id, is_repeat=not self._fill(report, run))
        return ReportTaken(run.id, is_repeat=True)

    def record(self, record: ScriptRecord) -> None:
        """Store how a script's execution ended."""
        values = {
            "script_id": record.script_id,
            "status": record.status.value,
            "error_message": record.error_message,
            "execution_time_ms": record.execution_time_ms,
        }
        self._connection.execute(insert(script_executions), values)
        self.totals.all_executions += 1
        self.totals.all_failed_scripts += record.status is ScriptStatus.ERROR
        self.changes.append(record)

    def summarise(self, summary: RunAllSummary) -> None:
        """Store how an execution of all scripts ended. What its scripts have recorded is not counted again."""
        values = {"total_executions": summary.total_executions, "failed_count": summary.failed_count}
        self._connection.execute(insert(summaries), values)
        recorded, failed = recorded_of(summary, self._records_since_summary())
        self.totals.all_executions += summary.total_executions - recorded
        self.totals.all_failed_scripts += summary.failed_count - failed
        self.changes.append(summary)

    def _records_since_summary(self) -> Iterator[tuple[str, bool]]:
        """Script and whether it failed, of the records since the last summary, the newest first."""
        record = script_executions.c
        last = self._connection.execute(select(func.max(summarised.c.record_id))).scalar_one() or 0
        newest = self._connection.execute(select(func.max(record.id))).scalar_one() or 0
        self._connection.execute(delete(summarised))
        self._connection.execute(insert(summarised), {"record_id": newest})
        found = select(record.script_id, record.status).where(record.id > last).order_by(record.id.desc())
        for row in self._connection.execute(found):
            yield row.script_id, row.status == ScriptStatus.ERROR.value

    def last_id(self) -> int:
        """The newest row's id; 0 if there is none."""
        return int(self._connection.execute(select(func.coalesce(func.max(_run.id), 0))).scalar_one())

    def delete(self, wanted: NodeFilter, upto_id: int, rows_max: int) -> int:
        """Delete the next ``rows_max`` of the rows that a filter means; how many there were."""
        found = select(_run.id, _run.execution_id).where(*_conditions(wanted), _run.id <= upto_id).limit(rows_max)
        rows = self._connection.execute(found).all()
        if not rows:
            return 0
        these = _run.id.in_([row.id for row in rows])
        counted = totals_of(self._connection, these)
        self._connection.execute(delete(node_logs).where(these))
        touched = {row.execution_id for row in rows if row.execution_id}
        left = select(_run.execution_id).where(_run.execution_id.in_(touched)).distinct()
        remaining = set(self._connection.execute(left).scalars())
        self.totals.executions -= len(touched - remaining)
        self.totals.completed -= counted.completed
        self.totals.failed -= counted.failed
        self.totals.timed -= counted.timed
        self.totals.microseconds -= counted.microseconds
        return len(rows)

    def _runs(self, report: NodeReport) -> Sequence[Run]:
        of = {"of_execution": report.execution_id, "of_node": report.node_id}
        if report.started_at is None:
            return [_as_run(row) for row in self._connection.execute(_ALL_RUNS, of)]
        # Two look-ups in an index, and not one with OR, for which SQLite would read every run of the node.
        began = self._columns.time("started_at", report.started_at)
        if same := self._connection.execute(_RUNS_THAT_BEGAN, {**of, "began": began}).all():
            return [_as_run(row) for row in same]
        rows = [*self._connection.execute(_RUNS_WITHOUT_START, of)]
        if report.status.is_final:
            rows += [row for row in self._connection.execute(_RUNNING, of) if row.started_at is not None]
        return [_as_run(row) for row in rows]

    def _insert(self, report: NodeReport, *, is_known: bool) -> ReportTaken:
        time = duration(report) if report.status.is_final else report.execution_time_ms
        if not is_known and report.execution_id is not None:
            is_known = self._connection.execute(_EXECUTION, {"of_execution": report.execution_id}).first() is not None
        values = self._said(report) | {
            "execution_id": self._columns.identifier("execution_id", report.execution_id),
            "node_id": self._columns.identifier("node_id", report.node_id),
            "status": report.status.value,
            "execution_time_ms": time,
        }
        key = self._connection.execute(_INSERT, values).inserted_primary_key
        self.totals.executions += report.execution_id is not None and not is_known
        if report.status.is_final:
            self._count_end(report, time, report.script_id)
        return ReportTaken(int(key[0]) if key else 0, is_repeat=False)

    def _finish(self, report: NodeReport, run: Run) -> None:
        time = duration(report, run)
        if time is None:
            time = run.execution_time_ms  # what `running` said of it stays in the row
        values = {f"new_{name}": value for name, value in self._said(report).items()}
        values |= {"new_execution_time_ms": time, "new_status": report.status.value, "of_id": run.id}
        self._connection.execute(_FINISH, values)
        self._count_end(report, time, report.script_id or run.script_id)

    def _fill(self, report: NodeReport, run: Run) -> bool:
        values = {f"new_{name}": value for name, value in self._said(report).items()} | {"of_id": run.id}
        is_over = run.status in (NodeStatus.COMPLETED, NodeStatus.FAILED)
        if is_over:
            values["new_execution_time_ms"] = time = duration(report, run)
            if run.execution_time_ms is None and time is not None:
                self.totals.timed += 1
                self.totals.microseconds += _microseconds(time)
        return self._connection.execute(_FILL, values).rowcount > 0

    def _said(self, report: NodeReport) -> dict[str, Any]:
        """What a report says, as the columns take it."""
        times = {name: self._columns.time(name, getattr(report, name)) for name in ("started_at", "finished_at")}
        return {name: getattr(report, name) for name in _SAID} | times

    def _count_end(self, report: NodeReport, time: float | None, script_id: str | None) -> None:
        self.totals.completed += report.status is NodeStatus.COMPLETED
        self.totals.failed += report.status is NodeStatus.FAILED
        if time is not None:
            self.totals.timed += 1
            self.totals.microseconds += _microseconds(time)
        self.changes.append(replace(report, script_id=script_id, parameters=None, result=None))


def matching_ids(connection: Connection, wanted: NodeFilter, *, limit: int, offset: int) -> list[int]:
    """The ids of the rows that a filter means, the newest first."""
    statement = select(_run.id).where(*_conditions(wanted)).order_by(*_NEWEST).limit(limit).offset(offset)
    return list(connection.execute(statement).scalars())


def rows_of(connection: Connection, ids: Sequence[int], *, bytes_max: int) -> list[Row[Any]]:
    """The first of the rows with these ids, in this order, up to about ``bytes_max``; at least one that is there."""
    places = {key: place for place, key in enumerate(ids)}
    rows: list[Row[Any]] = []
    size = 0
    for key in places:
        row = connection.execute(select(node_logs).where(_run.id == key)).one_or_none()
        if row is None:
            continue  # deleted meanwhile
        rows.append(row)
        size += sum(len(value) for value in row if isinstance(value, str))
        if size >= bytes_max:
            break
    return rows


def _conditions(wanted: NodeFilter) -> list[ColumnElement[bool]]:
    named = {"execution_id": wanted.execution_id, "script_id": wanted.script_id, "node_id": wanted.node_id}
    conditions = [_run[name] == value for name, value in named.items() if value is not None]
    if wanted.status is not None:
        conditions.append(_run.status == wanted.status.value)
    return conditions


def _as_run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        status=row.status,
        script_id=row.script_id,
        started_at=milliseconds(row.started_at),
        finished_at=milliseconds(row.finished_at),
        execution_time_ms=row.execution_time_ms,
        error_message=row.error_message,
    )


def _microseconds(milliseconds: float) -> int:
    """As SQL's ``round`` does it: halves go away from zero."""
    return int(milliseconds * 1000 + 0.5)
