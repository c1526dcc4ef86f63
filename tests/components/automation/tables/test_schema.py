"""The tables are those that old programs know: names, columns in their order, types, defaults, checks and indexes."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from components.automation.tables import AutomationDatabase

_TOLD = """
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  type TEXT NOT NULL CHECK(type IN ('shortform', 'longform', 'product')),
  user_id TEXT,
  product_info TEXT,
  settings TEXT,
  youtube_url TEXT,
  last_error TEXT,
  content_id TEXT REFERENCES contents(id),
  script_path TEXT,
  video_path TEXT,
  thumbnail_path TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE task_schedules (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id TEXT NOT NULL REFERENCES tasks(id),
  scheduled_time DATETIME,
  repeat_type TEXT CHECK(repeat_type IN ('once', 'daily', 'weekly', 'monthly')),
  repeat_config TEXT,
  next_run_at DATETIME,
  is_active INTEGER DEFAULT 1,
  channel_setting_id TEXT,
  youtube_privacy TEXT DEFAULT 'public',
  youtube_publish_time DATETIME,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE task_queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id TEXT NOT NULL REFERENCES tasks(id),
  schedule_id INTEGER REFERENCES task_schedules(id),
  queue_type TEXT NOT NULL CHECK(queue_type IN ('schedule', 'script', 'image', 'video', 'youtube')),
  status TEXT NOT NULL CHECK(status IN ('waiting', 'processing', 'completed', 'failed')),
  retry_count INTEGER DEFAULT 0,
  max_retry INTEGER DEFAULT 3,
  next_retry_at DATETIME,
  error_message TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  completed_at DATETIME
);
CREATE INDEX idx_task_queue_status ON task_queue(queue_type, status);
CREATE INDEX idx_task_queue_task_id ON task_queue(task_id);
CREATE INDEX idx_task_queue_retry ON task_queue(status, next_retry_at);
CREATE TABLE task_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id TEXT NOT NULL REFERENCES tasks(id),
  queue_id INTEGER REFERENCES task_queue(id),
  level TEXT CHECK(level IN ('info', 'warn', 'error')),
  message TEXT NOT NULL,
  action_type TEXT CHECK(action_type IN ('start', 'progress', 'complete', 'fail', 'retry', 'stop', 'skip')),
  queue_type TEXT CHECK(queue_type IN ('schedule', 'script', 'image', 'video', 'youtube')),
  pid INTEGER,
  process_name TEXT,
  metadata TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_task_logs_task_id ON task_logs(task_id);
CREATE INDEX idx_task_logs_action ON task_logs(task_id, action_type);
CREATE INDEX idx_task_logs_queue_type ON task_logs(task_id, queue_type);
CREATE TABLE scheduler_lock (
  lock_name TEXT PRIMARY KEY,
  locked_at DATETIME,
  locked_by TEXT,
  expires_at DATETIME
);
"""
_CONTENTS = (
    "id user_id type format title content status progress task_id video_path thumbnail_path published youtube_url "
    "error created_at updated_at"
)
_TABLES = ("tasks", "task_schedules", "task_queue", "task_logs", "scheduler_lock")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    database = AutomationDatabase(tmp_path / "otto.db")
    database.prepare()
    return database.path


def columns(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    """Name, type, whether it must be there, default and key; a key must be there, said or not."""
    found = connection.execute(f"PRAGMA table_info({table})")
    return [
        (name, kind, bool(needed or key), given.strip("'()") if given else None, key)
        for _, name, kind, needed, given, key in found
    ]


def references(connection: sqlite3.Connection, table: str) -> set[tuple[str, str, str]]:
    return {(row[3], row[2], row[4]) for row in connection.execute(f"PRAGMA foreign_key_list({table})")}


@pytest.mark.parametrize("table", _TABLES)
def test_a_table_is_as_it_was_told(made: Path, table: str) -> None:
    """So a program that was written for it reads and writes it."""
    with closing(sqlite3.connect(made)) as ours, closing(sqlite3.connect(":memory:")) as told:
        told.executescript(_TOLD)
        assert columns(ours, table) == columns(told, table)
        assert references(ours, table) == references(told, table)
        for (name,) in told.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", (table,)
        ):
            of_index = f"PRAGMA index_info({name})"
            assert ours.execute(of_index).fetchall() == told.execute(of_index).fetchall()


def test_contents_has_its_columns(made: Path) -> None:
    """In their order."""
    with closing(sqlite3.connect(made)) as ours:
        assert [column[0] for column in columns(ours, "contents")] == _CONTENTS.split()


@pytest.mark.parametrize(
    "wrong",
    [
        "INSERT INTO tasks (id, title, type) VALUES ('a', 't', 'film')",
        "INSERT INTO task_queue (task_id, queue_type, status) VALUES ('t', 'film', 'waiting')",
        "INSERT INTO task_queue (task_id, queue_type, status) VALUES ('t', 'script', 'asleep')",
        "INSERT INTO task_schedules (task_id, repeat_type) VALUES ('t', 'yearly')",
        "INSERT INTO task_logs (task_id, message, level) VALUES ('t', 'm', 'DEBUG')",
        "INSERT INTO task_logs (task_id, message, action_type) VALUES ('t', 'm', 'dance')",
        "INSERT INTO task_logs (task_id, message, queue_type) VALUES ('t', 'm', 'film')",
        "INSERT INTO contents (id, type) VALUES ('c', 'song')",
    ],
)
def test_a_value_that_is_none_is_refused_by_the_database(made: Path, wrong: str) -> None:
    """Anyone who writes it."""
    with closing(sqlite3.connect(made)) as ours, pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        ours.execute(wrong)
