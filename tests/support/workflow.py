"""A workflow's executions as a plain list of runs, the reports that they make, and what is to be counted of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.executions.tables import NodeReport, NodeStatus


@dataclass(frozen=True)
class PlainRun:
    """One run of one node, as it was; ``is_over`` False: its end is never reported."""

    execution_id: str
    node_id: str
    started_at: int
    milliseconds: int
    has_failed: bool = False
    is_over: bool = True

    @property
    def status(self) -> str:
        return "running" if not self.is_over else "failed" if self.has_failed else "completed"

    def documents(self) -> list[dict[str, Any]]:
        """Its reports, as a sender posts them."""
        running = {
            "execution_id": self.execution_id,
            "script_id": "script",
            "node_id": self.node_id,
            "node_type": "condition",
            "node_name": f"노드 {self.node_id}",
            "status": "running",
            "started_at": self.started_at,
            "parameters": {"value": self.milliseconds},
        }
        if not self.is_over:
            return [running]
        end: dict[str, Any] = {"finished_at": self.started_at + self.milliseconds, "status": self.status}
        said = {"error_message": "boom", "error_traceback": "…"} if self.has_failed else {"result": {"ok": True}}
        return [running, running | end | said | {"execution_time_ms": self.milliseconds}]

    def reports(self) -> list[NodeReport]:
        return [
            NodeReport(
                execution_id=each["execution_id"],
                node_id=each["node_id"],
                status=NodeStatus(each["status"]),
                script_id=each["script_id"],
                started_at=each["started_at"],
                finished_at=each.get("finished_at"),
                execution_time_ms=each.get("execution_time_ms"),
            )
            for each in self.documents()
        ]

    @property
    def row(self) -> tuple[Any, ...]:
        """What its row says: execution, node, status, start and time."""
        return (
            self.execution_id,
            self.node_id,
            self.status,
            self.started_at,
            self.milliseconds if self.is_over else None,
        )


def workflow(source: random.Random, execution_id: str, nodes: int = 200) -> list[PlainRun]:
    """Nodes one after the other or beginning together; every tenth is a loop, some fail, a few never end.

    A run that never ends is its node's last one: the end of a later run may be taken for its own.
    """
    runs, now = [], 1_763_700_000_000
    for number in range(nodes):
        if runs and source.random() < 0.3:
            now = runs[-1].started_at  # a branch beside the node before
        for left in reversed(range(source.randint(2, 12) if number % 10 == 0 else 1)):
            took = source.randint(0, 50)
            failed, is_over = source.random() < 0.1, left > 0 or source.random() > 0.02
            runs.append(PlainRun(execution_id, f"node-{number}", now, took, failed, is_over))
            now += took + 1
    return runs


def counted(runs: Sequence[PlainRun]) -> tuple[int, int, int, float]:
    """The statistics by a plain recount: executions, completed, failed, average time."""
    over = [run for run in runs if run.is_over]
    average = sum(run.milliseconds for run in over) / len(over) if over else 0.0
    failed = sum(run.has_failed for run in over)
    return len({run.execution_id for run in runs}), len(over) - failed, failed, average
