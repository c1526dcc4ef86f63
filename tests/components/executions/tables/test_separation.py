"""Reports of one node of one execution, beside those of others."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.executions.tables import ExecutionStore, NodeReport
from tests.components.executions.tables.test_statistics import empty_database, reports
from tests.components.executions.tables.test_store import report

ROWS = """
SELECT execution_id, node_id, status, script_id, started_at, finished_at, execution_time_ms FROM node_execution_logs
ORDER BY execution_id, node_id, id"""


def rows_of(reports: Sequence[NodeReport]) -> list[tuple[Any, ...]]:
    """The rows of a database that was given these reports alone, each after the one before it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(empty_database(), folder))

        async def write() -> None:
            store = await ExecutionStore.open(path, durability="process")
            await asyncio.gather(*map(store.report, reports))
            await store.close()

        asyncio.run(write())
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(ROWS).fetchall()


@pytest.mark.parametrize("other", [{"node_id": "m"}, {"execution_id": "f"}])
@pytest.mark.parametrize("began", [5, None])
def test_the_end_of_one_node_ends_nobody_else(other: dict[str, str], began: float | None) -> None:
    """Two nodes that began at the same moment, or did not say when, and run: a report of one leaves the other's row."""
    mine, others = rows_of(
        [
            report("running", began),
            report("running", began, **other),
            report("completed", began, finished_at=9),
        ]
    )
    if other.get("execution_id", other.get("node_id")) in (mine[0], mine[1]):
        mine, others = others, mine
    assert (mine[2], others[2]) == ("completed", "running")


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(reports, max_size=24))
def test_nodes_do_not_depend_on_each_other(mixed: list[NodeReport]) -> None:
    """However the reports of several nodes are mixed, the rows are those of one node after the other."""
    one_by_one = sorted(mixed, key=lambda each: (each.execution_id, each.node_id))
    assert rows_of(mixed) == rows_of(one_by_one)
