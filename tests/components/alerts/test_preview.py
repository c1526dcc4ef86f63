"""Rules on stored lines, before they are used."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.alerts.alerts import Alerts
from components.alerts.rules import rule_from
from storage.journal.history import WorkerRecord
from storage.journal.interface import Record
from storage.journal.statistics import JournalStatistics
from tests.components.alerts.test_turns import START, end, lines


class Stored:
    """A journal of some records."""

    def __init__(self, *records: Record) -> None:
        self.statistics = JournalStatistics(last_record=len(records))
        self._records = records

    async def records(self, position: int, *, bytes_max: int) -> Sequence[Record]:
        return self._records[position:]


async def workers(task_ids: Sequence[str]) -> list[list[WorkerRecord]]:
    return [[WorkerRecord("w", "RUNNING", "", {"labels": {"repo": task_id[0]}})] for task_id in task_ids]


@pytest.mark.parametrize(
    ("rule", "incidents", "matches"),
    [
        ({"filter": "broken"}, 3, 3),
        ({"filter": "broken", "group": "rule"}, 1, 3),
        ({"filter": "broken", "labels": {"repo": "b"}}, 1, 1),
        ({"filter": "broken", "tasks": "b-*"}, 1, 1),
        ({"when": "failed"}, 1, 0),
    ],
)
async def test_a_rule_is_tried_with_all_that_it_says(
    tmp_path: Path, rule: dict[str, Any], incidents: int, matches: int
) -> None:
    """Condition, scope by names and labels, and grouping, runs of a job included."""
    (tmp_path / "rules.yaml").write_text("rules: []")
    ended = [end(task, "FAILED", number) for number, task in enumerate(("a-1", "a-2"), 4)]
    tasks = [lines(task, "broken", number=number) for number, task in enumerate(("a-1", "a-2", "b-1"), 1)]
    journal: Any = Stored(*tasks, *ended)
    alerts = Alerts(journal, tmp_path / "otto.db", tmp_path / "rules.yaml", {}, read_workers=workers)
    found = await alerts.preview(rule_from({"name": "tried", **rule}, ()))
    assert (found.incidents, found.matches, found.lines, found.is_complete) == (incidents, matches, 3, True)
    assert found.since is not None
    assert found.since >= START
