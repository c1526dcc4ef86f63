"""Which row a report of a node's run belongs to, decided without a database.

Senders fire and forget: the reports of one run come in any order, twice, or not at all. ``started_at`` identifies a
run of a node; a report without it is matched as well as that is possible:

=============  =====================  ==============================================================================
report         row that it is about   what happens
=============  =====================  ==============================================================================
any            equal ``started_at``   a running row takes what the report says; a finished one stays as it is, and only
                                      what it does not know yet is filled in from a late ``running``
running, t     finished, no start     its end was reported first, without saying when it began: it began at t
running, t     running, no start      the same run, reported twice
finished, t    running, no start      the same run
finished, t    the only running row   the same run, unless it began after this end: its sender took the time twice
finished, -    newest running row     the rule of old: that run is finished
finished, -    equal finish           the same report a second time
running, -     no start               the same run, whether or not it has finished since
anything else  none                   a row of its own
=============  =====================  ==============================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from components.executions.tables.records import NodeReport, NodeStatus

__all__ = ["Action", "Decision", "Run", "decide", "duration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row, as far as matching needs it. ``status`` is any text in rows of other programs."""

    id: int
    status: str
    script_id: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    execution_time_ms: float | None = None
    error_message: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether no end of it was reported."""
        return self.status == NodeStatus.RUNNING


class Action(Enum):
    """What becomes of a report."""

    INSERT = "insert"
    FINISH = "finish"  # the row's run is over; what the report says goes before what the row has
    FILL = "fill"  # only what the row does not have
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and with which row; none for ``INSERT``."""

    action: Action
    run: Run | None = None


def decide(report: NodeReport, runs: Sequence[Run]) -> Decision:
    """Decide.

    Args:
        report: the report.
        runs: rows of the same execution and node, the newest first: those with the report's ``started_at``, or with
            none, or that run; the newest ones if the report has no ``started_at``.
    """
    runs = [run for run in runs if _may_be_of(report, run)]
    run = _finished(report, runs) if report.status.is_final else _begun(report, runs)
    if run is None:
        return Decision(Action.INSERT)
    if report.status.is_final:
        return Decision(Action.FINISH if run.is_running else Action.NOTHING, run)
    return Decision(Action.FILL, run)


def duration(report: NodeReport, run: Run | None = None) -> float | None:
    """The milliseconds of a finished run, as reported, or else computed from its times."""
    told = report.execution_time_ms
    if told is None and run is not None and not run.is_running:
        told = run.execution_time_ms
    if told is not None:
        return told
    begun = _first(report.started_at, run.started_at if run else None)
    ended = _first(report.finished_at, run.finished_at if run else None)
    return ended - begun if begun is not None and ended is not None and ended >= begun else None


def _finished(report: NodeReport, runs: Sequence[Run]) -> Run | None:
    if report.started_at is None:
        return next((run for run in runs if run.is_running), None) or next(
            (run for run in runs if _is_same_end(report, run)), None
        )
    same = [run for run in runs if run.started_at == report.started_at]
    if same:
        return next((run for run in same if run.is_running), same[0])
    running = [run for run in runs if run.is_running]
    return next((run for run in running if run.started_at is None), None) or _only_one(report, running)


def _only_one(report: NodeReport, running: Sequence[Run]) -> Run | None:
    """The one run that is not over, if it can be the one that has ended."""
    if len(running) != 1:
        return None
    (run,) = running
    begun, ended = run.started_at, report.finished_at
    return None if begun is not None and ended is not None and begun > ended else run


def _begun(report: NodeReport, runs: Sequence[Run]) -> Run | None:
    if report.started_at is None:
        return next((run for run in runs if run.started_at is None), None)
    same = [run for run in runs if run.started_at == report.started_at]
    if same:
        return same[0]
    began = report.started_at
    # The oldest first: where several ends came before their beginnings, the beginnings come in the order of the runs.
    for run in reversed(runs):
        if run.started_at is None and (run.finished_at is None or run.finished_at >= began):
            return run
    return None


def _is_same_end(report: NodeReport, run: Run) -> bool:
    return (
        run.status == report.status
        and run.finished_at == report.finished_at
        and (report.execution_time_ms is None or run.execution_time_ms == report.execution_time_ms)
        and run.error_message == report.error_message
    )


def _may_be_of(report: NodeReport, run: Run) -> bool:
    """Whether the scripts agree: a sender that may write one script must not end the runs of another."""
    return report.script_id is None or run.script_id is None or str(run.script_id) == report.script_id


def _first(*values: float | None) -> float | None:
    """The first value that is a number; rows of other programs may have anything."""
    return next((value for value in values if isinstance(value, int | float)), None)
