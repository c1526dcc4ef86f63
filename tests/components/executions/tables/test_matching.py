"""Which row a report belongs to."""

from typing import Any

import pytest

from components.executions.tables import NodeReport, NodeStatus
from components.executions.tables.matching import Action, Run, decide, duration


def _report(status: str, started_at: float | None = None, **said: Any) -> NodeReport:
    return NodeReport(status=NodeStatus(status), execution_id="e", node_id="n", started_at=started_at, **said)


def _run(key: int, status: str, started_at: float | None = None, **known: Any) -> Run:
    return Run(id=key, status=status, started_at=started_at, **known)


@pytest.mark.parametrize(
    ("report", "runs", "action", "key"),
    [
        (_report("running", 5), [], Action.INSERT, None),
        (_report("completed", 5), [], Action.INSERT, None),
        (_report("completed", 5), [_run(1, "running", 5)], Action.FINISH, 1),
        (_report("failed", 5), [_run(1, "completed", 5)], Action.NOTHING, 1),
        (_report("running", 5), [_run(1, "completed", 5)], Action.FILL, 1),
        (_report("running", 5), [_run(1, "running", 5)], Action.FILL, 1),
        (_report("completed", 6), [_run(1, "running", 5)], Action.FINISH, 1),
        (_report("completed", 6), [_run(2, "running", 7), _run(1, "running", 5)], Action.INSERT, None),
        (_report("completed", 6, finished_at=7), [_run(1, "running", 8)], Action.INSERT, None),
        (_report("completed", 6, finished_at=9), [_run(1, "running", 8)], Action.FINISH, 1),
        (_report("running", 6), [_run(1, "running", 5)], Action.INSERT, None),
        (_report("completed", 5), [_run(1, "running")], Action.FINISH, 1),
        (_report("running", 5), [_run(1, "completed")], Action.FILL, 1),
        (_report("running", 5), [_run(1, "completed", finished_at=4)], Action.INSERT, None),
        (
            _report("running", 5),
            [_run(2, "completed", finished_at=9), _run(1, "failed", finished_at=6)],
            Action.FILL,
            1,
        ),
        (_report("completed"), [_run(3, "failed", 9), _run(2, "running", 8), _run(1, "running", 7)], Action.FINISH, 2),
        (_report("completed", finished_at=9), [_run(1, "completed", 5, finished_at=9)], Action.NOTHING, 1),
        (_report("completed", finished_at=9), [_run(1, "completed", 5, finished_at=8)], Action.INSERT, None),
        (_report("failed", finished_at=9), [_run(1, "completed", 5, finished_at=9)], Action.INSERT, None),
        (_report("running"), [_run(1, "completed")], Action.FILL, 1),
        (_report("running"), [_run(1, "completed", 5)], Action.INSERT, None),
        (_report("completed", 5), [_run(1, "success", 5)], Action.NOTHING, 1),
        (_report("running", 5), [_run(1, "completed", finished_at=5)], Action.FILL, 1),
    ],
)
def test_every_report_finds_its_run(report: NodeReport, runs: list[Run], action: Action, key: int | None) -> None:
    """``started_at`` decides where there is one, then the only running row that can be meant.

    Without a start it is the newest running row, or the same end reported before.
    """
    decision = decide(report, runs)
    assert (decision.action, decision.run.id if decision.run else None) == (action, key)


@pytest.mark.parametrize(
    ("reported", "known", "action"),
    [
        ("a", "a", Action.FINISH),
        ("a", "b", Action.INSERT),
        ("a", None, Action.FINISH),
        (None, "b", Action.FINISH),
        (None, None, Action.FINISH),
        ("7", 7, Action.FINISH),
    ],
)
def test_a_run_is_finished_by_reports_of_its_own_script(reported: str | None, known: Any, action: Action) -> None:
    """Where both name one; tables of older programs have numbers."""
    runs = [_run(1, "running", 5, script_id=known)]
    assert decide(_report("completed", 5, script_id=reported), runs).action is action


@pytest.mark.parametrize(
    ("said", "action"),
    [
        ({}, Action.NOTHING),
        ({"execution_time_ms": 3}, Action.NOTHING),
        ({"execution_time_ms": 4}, Action.INSERT),
        ({"error_message": "x"}, Action.INSERT),
        ({"finished_at": 8}, Action.INSERT),
    ],
)
def test_an_end_without_a_start_is_a_repeat_where_it_says_the_same(said: dict[str, Any], action: Action) -> None:
    """Also if it does not say how long it took; else it is the end of another run."""
    known = _run(1, "completed", 5, finished_at=9, execution_time_ms=3)
    assert decide(_report("completed", **{"finished_at": 9, **said}), [known]).action is action


@pytest.mark.parametrize(
    ("report", "run", "expected"),
    [
        (_report("completed", 5, finished_at=9, execution_time_ms=3), None, 3),
        (_report("completed", 5, finished_at=9), None, 4),
        (_report("completed", finished_at=9), _run(1, "running", 5), 4),
        (_report("running", 5), _run(1, "completed", finished_at=9), 4),
        (_report("completed", 9, finished_at=5), None, None),
        (_report("completed", finished_at=9), _run(1, "running", "2025-01-01"), None),  # type: ignore[arg-type]
        (_report("completed", 5), None, None),
        (_report("completed", 5, finished_at=5), None, 0),
        (_report("running", 5), _run(1, "completed", finished_at=9, execution_time_ms=7), 7),
        (_report("completed", 5, finished_at=9), _run(1, "running", execution_time_ms=7), 4),
        (_report("completed", 5, execution_time_ms=3), _run(1, "completed", execution_time_ms=7), 3),
    ],
)
def test_a_time_that_is_not_told_follows_from_the_others(
    report: NodeReport, run: Run | None, expected: float | None
) -> None:
    """From the report and from the row; never a negative one."""
    assert duration(report, run) == expected
