"""``otto-gateway migrate --dry-run``."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.commands.main import main

OLD_TASKS = """
CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT NOT NULL, type TEXT NOT NULL);
CREATE TABLE task_queue (
  id INTEGER PRIMARY KEY, task_id TEXT NOT NULL, queue_type TEXT NOT NULL, status TEXT NOT NULL);
INSERT INTO tasks VALUES ('a', 'A', 'shortform');
INSERT INTO task_queue VALUES (1, 'a', 'script', 'processing'), (2, 'a', 'script', 'processing');
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/otto.db")
    return tmp_path / "otto.db"


def call(*arguments: str) -> list[str]:
    result = CliRunner().invoke(main, ["migrate", *arguments])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_a_dry_run_says_what_would_be_changed_and_changes_nothing(path: Path) -> None:
    """Tables of the journal, columns and rows of the automation queue; after the migration nothing is left."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD_TASKS)
    before = path.read_bytes()
    said = call("--dry-run")
    assert path.read_bytes() == before
    for change in (
        "table job_logs is added",
        "column tasks.content_id is added",
        "task_queue 2 (script) is put back to waiting",
    ):
        assert f"{path}: {change}" in said
    assert len(said) == len(set(said))
    call()
    assert call("--dry-run") == ["nothing would be changed"]


def test_a_dry_run_without_a_database_makes_none(path: Path) -> None:
    """Everything would be added."""
    assert f"{path}: table job_logs is added" in call("--dry-run")
    assert not path.exists()
