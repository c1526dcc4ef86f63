"""Statistics that are kept by adding up, in the transaction of the rows; nothing is scanned for a report."""

from dataclasses import dataclass, replace
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, insert, select, update

from components.executions.tables.schema import dashboard_stats, log_stats, microseconds, node_logs, totals

__all__ = [
    "DashboardStatistics",
    "LogStatistics",
    "Totals",
    "add_totals",
    "read_dashboard_statistics",
    "read_log_statistics",
    "recount",
    "totals_of",
]


@dataclass(frozen=True, slots=True)
class LogStatistics:
    """``total`` counts executions, ``completed`` and ``failed`` node runs; the average is in milliseconds."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    average_execution_time: float = 0.0


@dataclass(frozen=True, slots=True)
class DashboardStatistics:
    """Executions of scripts, alone or together with all others, and how many of them failed."""

    all_executions: int = 0
    all_failed_scripts: int = 0


@dataclass(slots=True)
class Totals:
    """What to add to the totals; also the totals themselves."""

    executions: int = 0
    completed: int = 0
    failed: int = 0
    timed: int = 0
    microseconds: int = 0
    all_executions: int = 0
    all_failed_scripts: int = 0

    @property
    def logs_change(self) -> bool:
        """Whether ``log_stats`` changes with it."""
        return any((self.executions, self.completed, self.failed, self.timed, self.microseconds))

    @property
    def dashboard_changes(self) -> bool:
        """Whether ``dashboard_stats`` changes with it."""
        return any((self.all_executions, self.all_failed_scripts))

    def copy(self) -> Self:
        """The same numbers, to go back to."""
        return replace(self)


_FINAL: Final = node_logs.c.status.in_(["completed", "failed"])


def totals_of(connection: Connection, where: ColumnElement[bool] | None = None) -> Totals:
    """Count the rows that ``where`` means; all of them without it. Executions are not counted here."""
    statement = select(
        func.count(case((node_logs.c.status == "completed", 1))),
        func.count(case((node_logs.c.status == "failed", 1))),
        func.count(case((_FINAL, node_logs.c.execution_time_ms))),
        func.coalesce(func.sum(case((_FINAL, microseconds))), 0),
    )
    completed, failed, timed, time = connection.execute(statement if where is None else statement.where(where)).one()
    return Totals(0, completed, failed, timed, int(time))


def recount(connection: Connection) -> None:
    """Set totals and ``log_stats`` to what the rows say: after a start, when other programs may have written."""
    counted = totals_of(connection)
    named = func.nullif(node_logs.c.execution_id, "")
    counted.executions = connection.execute(select(func.count(named.distinct()))).scalar_one()
    connection.execute(totals.delete())
    connection.execute(insert(totals), {"id": 1, **_log_fields(counted)})
    _show(connection)


_ADD: Final = update(totals).values(
    {name: totals.c[name] + bindparam(f"add_{name}") for name in totals.columns.keys() if name != "id"}  # noqa: SIM118
)

_AVERAGE: Final = func.coalesce(totals.c.microseconds / (1000.0 * func.nullif(totals.c.timed, 0)), 0.0)

_SHOW: Final = update(log_stats).values(
    total=select(totals.c.executions).scalar_subquery(),
    completed=select(totals.c.completed).scalar_subquery(),
    failed=select(totals.c.failed).scalar_subquery(),
    average_execution_time=select(_AVERAGE).scalar_subquery(),
)

_ADD_DASHBOARD: Final = update(dashboard_stats).values(
    all_executions=func.coalesce(dashboard_stats.c.all_executions, 0) + bindparam("add_executions"),
    all_failed_scripts=func.coalesce(dashboard_stats.c.all_failed_scripts, 0) + bindparam("add_failed"),
)


def add_totals(connection: Connection, change: Totals) -> None:
    """Add what a transaction has changed; the database adds, so that writers in other processes count too."""
    if change.logs_change:
        connection.execute(_ADD, {f"add_{name}": value for name, value in _log_fields(change).items()})
        _show(connection)
    if change.dashboard_changes:
        values = {"add_executions": change.all_executions, "add_failed": change.all_failed_scripts}
        if not connection.execute(_ADD_DASHBOARD, values).rowcount:
            first = {"all_executions": change.all_executions, "all_failed_scripts": change.all_failed_scripts}
            connection.execute(insert(dashboard_stats), first)


def read_log_statistics(connection: Connection) -> LogStatistics:
    """The row of ``log_stats``."""
    names = ("total", "completed", "failed", "average_execution_time")
    row = connection.execute(select(*(log_stats.c[name] for name in names)).limit(1)).one_or_none()
    return LogStatistics(*(value or 0 for value in row)) if row else LogStatistics()


def read_dashboard_statistics(connection: Connection) -> DashboardStatistics:
    """The row of ``dashboard_stats``."""
    statement = select(dashboard_stats.c.all_executions, dashboard_stats.c.all_failed_scripts).limit(1)
    row = connection.execute(statement).one_or_none()
    return DashboardStatistics(*(value or 0 for value in row)) if row else DashboardStatistics()


def _show(connection: Connection) -> None:
    if not connection.execute(_SHOW).rowcount:
        connection.execute(insert(log_stats), {"total": 0, "completed": 0, "failed": 0, "average_execution_time": 0.0})
        connection.execute(_SHOW)


def _log_fields(values: Totals) -> dict[str, Any]:
    return {
        "executions": values.executions,
        "completed": values.completed,
        "failed": values.failed,
        "timed": values.timed,
        "microseconds": values.microseconds,
    }
