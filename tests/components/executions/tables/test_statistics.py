"""Statistics that are added up against a plain recount, after any history."""

import asyncio
import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.executions.tables import ExecutionStore, NodeFilter, NodeReport, NodeStatus
from components.executions.tables.schema import create_missing, is_complete
from storage.tables import TableDatabase

RECOUNT = """
SELECT count(DISTINCT execution_id), coalesce(sum(status = 'completed'), 0), coalesce(sum(status = 'failed'), 0),
  coalesce(avg(CASE WHEN status IN ('completed', 'failed') THEN execution_time_ms END), 0)
FROM node_execution_logs"""

names = st.sampled_from(["a", "b", "c"])
times = st.none() | st.integers(0, 5) | st.sampled_from([0.5, 2.0005])
reports = st.builds(
    NodeReport,
    execution_id=names,
    node_id=names,
    status=st.sampled_from(NodeStatus),
    script_id=st.none() | names,
    started_at=times,
    finished_at=times,
    execution_time_ms=times,
)
deletions = st.builds(
    NodeFilter,
    execution_id=st.none() | names,
    node_id=st.none() | names,
    status=st.none() | st.sampled_from(NodeStatus),
)
history = st.lists(st.lists(st.one_of(reports, reports, reports, deletions), min_size=1, max_size=12), max_size=5)


@cache
def empty_database() -> str:
    """A database with the tables, made once."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    TableDatabase(Path(folder) / "empty.db", create=create_missing).create_missing(is_complete)
    return str(Path(folder) / "empty.db")


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(history)
def test_after_any_history_they_equal_a_recount(bursts: list[list[NodeReport | NodeFilter]]) -> None:
    """Reports of every kind, in bursts, with deletions among them; no row is ever finished twice."""
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(empty_database(), folder)

        async def run() -> tuple[float, ...]:
            store = await ExecutionStore.open(Path(path), durability="process")
            for burst in bursts:
                await asyncio.gather(
                    *(store.delete(each) if isinstance(each, NodeFilter) else store.report(each) for each in burst)
                )
            statistics = await store.log_statistics()
            await store.close()
            return statistics.total, statistics.completed, statistics.failed, statistics.average_execution_time

        found = asyncio.run(run())
        with closing(sqlite3.connect(path)) as connection:
            expected = connection.execute(RECOUNT).fetchone()
        assert found[:3] == expected[:3]
        assert abs(found[3] - expected[3]) < 0.001
