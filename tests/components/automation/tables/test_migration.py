"""Databases as older programs left them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from components.automation.scheduler import utc_now
from components.automation.tables import AutomationDatabase, QueueRepository, SchedulerLock, TaskRepository
from storage.errors import SchemaError

OLD = """
CREATE TABLE tasks (
  id TEXT PRIMARY KEY, title TEXT NOT NULL, type TEXT NOT NULL CHECK(type IN ('shortform', 'longform', 'product')),
  user_id TEXT, product_info TEXT, settings TEXT, youtube_url TEXT, last_error TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE contents (id TEXT PRIMARY KEY, user_id TEXT, type TEXT, title TEXT, content TEXT, status TEXT);
CREATE TABLE task_schedules (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL REFERENCES tasks(id), scheduled_time DATETIME,
  repeat_type TEXT, repeat_config TEXT, next_run_at DATETIME, is_active INTEGER DEFAULT 1);
CREATE TABLE task_queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL REFERENCES tasks(id), schedule_id INTEGER,
  queue_type TEXT NOT NULL, status TEXT NOT NULL, retry_count INTEGER DEFAULT 0, max_retry INTEGER DEFAULT 3,
  next_retry_at DATETIME, error_message TEXT, created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE task_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL REFERENCES tasks(id), queue_id INTEGER,
  level TEXT CHECK(level IN ('info', 'warn', 'error')), message TEXT NOT NULL,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
INSERT INTO tasks (id, title, type) VALUES ('a', 'A', 'shortform'), ('b', 'B', 'shortform');
INSERT INTO task_queue (task_id, queue_type, status) VALUES
  ('a', 'script', 'processing'), ('b', 'script', 'processing'), ('b', 'video', 'waiting'), ('b', 'video', 'waiting');
INSERT INTO task_logs (task_id, level, message) VALUES ('a', 'info', 'old');
"""
DEQUEUE = """
UPDATE task_queue SET status = 'processing', updated_at = CURRENT_TIMESTAMP WHERE id = (
  SELECT id FROM task_queue WHERE queue_type = ? AND status = 'waiting'
    AND (next_retry_at IS NULL OR next_retry_at <= CURRENT_TIMESTAMP) ORDER BY created_at LIMIT 1) RETURNING *
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "otto.db")) as connection:
        connection.executescript(OLD)
    return tmp_path / "otto.db"


def test_columns_and_indexes_are_added_and_one_log_line_says_so(path: Path) -> None:
    """What was pending is what is announced; a second start changes nothing."""
    database = AutomationDatabase(path)
    pending = database.pending_changes()
    with structlog.testing.capture_logs() as logs:
        database.prepare()
    assert [(line["event"], line["changes"]) for line in logs] == [("automation tables migrated", pending)]
    assert {"column tasks.content_id is added", "column contents.task_id is added"} <= set(pending)
    assert {"column task_logs.metadata is added", "index idx_task_queue_retry on task_queue is added"} <= set(pending)
    assert database.pending_changes() == []


def test_doubled_items_go_back_to_waiting_with_a_row_of_their_log(path: Path) -> None:
    """The oldest one of a queue stays as it is."""
    database = AutomationDatabase(path)
    assert "task_queue 2 (script) is put back to waiting" in database.pending_changes()
    database.prepare()
    tasks = TaskRepository(database, utc_now)
    assert [tasks.queue(each)[0]["status"] for each in "ab"] == ["processing", "waiting"]
    assert [(row["queue_id"], row["level"]) for row in tasks.logs("b")] == [(2, "warn")]
    assert [row["message"] for row in tasks.logs("a")] == ["old"]


def test_an_older_programs_dequeue_gets_nothing_while_an_item_is_processed(path: Path) -> None:
    """In place of an error of a constraint; afterwards it gets the item."""
    database = AutomationDatabase(path)
    database.prepare()
    lock = SchedulerLock(database, utc_now)
    assert lock.take()
    queue = QueueRepository(lock)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        item = queue.dequeue("video")
        assert item is not None
        assert old.execute(DEQUEUE, ("video",)).fetchall() == []
        queue.complete(item, {})
        assert len(old.execute(DEQUEUE, ("video",)).fetchall()) == 1
        assert queue.dequeue("video") is None


@pytest.mark.parametrize("expires_at", ["2999-01-01 00:00:00", "2999-01-01T00:00:00.000Z"])
def test_an_older_scheduler_and_this_one_exclude_each_other(path: Path, expires_at: str) -> None:
    """By the row ``main_scheduler``; a lock whose end cannot be read ends as late as one of ours."""
    database = AutomationDatabase(path)
    database.prepare()
    lock = SchedulerLock(database, utc_now)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        insert = "INSERT INTO scheduler_lock VALUES ('main_scheduler', CURRENT_TIMESTAMP, '4711', ?)"
        old.execute(insert, (expires_at,))
        assert not lock.take()
        old.execute("UPDATE scheduler_lock SET expires_at = '2020-01-01T00:00:00.000Z'")
        assert lock.take()
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            old.execute(insert, (expires_at,))
        old.execute("UPDATE scheduler_lock SET locked_by = '4711', expires_at = NULL")
        assert not lock.take()
        old.execute("UPDATE scheduler_lock SET locked_at = '2020-01-01 00:00:00'")
        assert lock.take()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE tasks DROP COLUMN title", "the table tasks has no column title"),
        ("ALTER TABLE task_queue RENAME COLUMN queue_type TO kind", "the table task_queue has no column queue_type"),
    ],
)
def test_an_error_names_the_table_and_the_column(path: Path, statement: str, said: str) -> None:
    """A column that every row needs cannot be added."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
    with pytest.raises(SchemaError, match=said) as caught:
        AutomationDatabase(path).prepare()
    assert "journal" not in str(caught.value)
