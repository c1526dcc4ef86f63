"""The automation tables on PostgreSQL, as other programs use them."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from components.automation.tables import AutomationDatabase, LockLostError, QueueRepository, SchedulerLock
from components.automation.tables.due_schedules import enqueue_due
from tests.support.postgres_server import PostgresServer
from tests.support.psql import database_rows, psql

NOW = datetime(2027, 1, 31, 3, 0, 30)  # noqa: DTZ001 - UTC, as the tables hold it


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return asyncio.run(postgres.add_schema())


@pytest.fixture
def database(url: str) -> Iterator[AutomationDatabase]:
    made = AutomationDatabase(url)
    made.prepare()
    yield made
    made.close()


def sql(url: str, statement: str) -> None:
    asyncio.run(psql(url, statement))


def _store(url: str, task: str, time: str, repeat: str) -> None:
    sql(url, f"INSERT INTO tasks (id, title, type) VALUES ('{task}', 't', 'shortform')")
    sql(
        url,
        f"INSERT INTO task_schedules (task_id, repeat_type, scheduled_time) VALUES ('{task}', '{repeat}', {time})",
    )


def test_schedules_that_psql_inserts_are_run_when_they_are_due(database: AutomationDatabase, url: str) -> None:
    """One that repeats has its next time in the column, and an item that waits for it."""
    for task, time in (("now", "'2027-01-31 03:00:00'"), ("open", "NULL"), ("later", "'2027-01-31 03:01:00'")):
        _store(url, task, time, "daily")
    lock = SchedulerLock(database, lambda: NOW)
    assert lock.take()
    queue = QueueRepository(lock)
    assert queue.enqueue_due() == 2
    assert queue.next_due() == NOW + timedelta(seconds=30)
    for _ in range(2):
        item = queue.dequeue("schedule")
        assert item is not None
        assert queue.complete(item, {}, next_run_at=NOW + timedelta(days=1))
    assert queue.dequeue("schedule") is None
    found = database_rows(url, "SELECT next_run_at, is_active FROM task_schedules WHERE task_id = 'now'")
    assert found == [(NOW + timedelta(days=1), 1)]
    sql(url, "UPDATE task_schedules SET next_run_at = '2027-02-05 00:00:00' WHERE task_id = 'now'")
    database.write(lambda connection: enqueue_due(connection, NOW))
    waits = "task_id = 'now' AND status = 'waiting' AND queue_type = 'schedule'"
    moved = f"SELECT next_retry_at::text FROM task_queue WHERE {waits}"
    assert database_rows(url, moved) == [("2027-02-05 00:00:00",)]


def test_the_database_keeps_its_rules_among_all_programs(database: AutomationDatabase, url: str) -> None:
    """Two items of a type are not processed at once; content and its task may go without each other."""
    _store(url, "t", "NULL", "once")
    sql(url, "INSERT INTO contents (id, task_id) VALUES ('c', 't')")
    sql(url, "UPDATE tasks SET content_id = 'c'")
    sql(
        url,
        "INSERT INTO task_queue (task_id, queue_type, status) "
        "SELECT 't', 'script', 'waiting' FROM generate_series(1, 2)",
    )
    for number in (1, 2):
        sql(url, f"UPDATE task_queue SET status = 'processing' WHERE id = {number}")
    assert database_rows(url, "SELECT status FROM task_queue ORDER BY id") == [("processing",), ("waiting",)]
    sql(url, "DELETE FROM contents")
    assert database_rows(url, "SELECT content_id FROM tasks") == [(None,)]


def test_a_new_leader_takes_the_lock_of_another_gateway_at_once(database: AutomationDatabase) -> None:
    """And the old one cannot write any more, nor take it back; that of an older system's scheduler is waited for."""
    old, new = (SchedulerLock(database, lambda: NOW) for _ in range(2))
    assert old.take()
    assert new.take()
    assert not old.take()
    with pytest.raises(LockLostError), old.held():
        pass
    database.write(
        lambda connection: connection.exec_driver_sql("UPDATE scheduler_lock SET locked_by = 'host-1'").rowcount
    )
    assert not SchedulerLock(database, lambda: NOW).take()
    assert SchedulerLock(database, lambda: NOW + timedelta(seconds=16)).take()


def test_a_missing_column_is_added(database: AutomationDatabase, url: str) -> None:
    """Rows stay; the change is said."""
    sql(url, "ALTER TABLE tasks DROP COLUMN last_error; DROP INDEX idx_task_queue_retry")
    _store(url, "t", "NULL", "once")
    again = AutomationDatabase(url)
    assert again.pending_changes() == [
        "column tasks.last_error is added",
        "index idx_task_queue_retry on task_queue is added",
    ]
    again.prepare()
    assert again.pending_changes() == []
    again.close()
    assert database_rows(url, "SELECT id, last_error FROM tasks") == [("t", None)]
