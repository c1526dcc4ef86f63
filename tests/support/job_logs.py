"""The polling tables as other programs see them, through the `sqlite3` command."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.programs import program

SCHEMA = """
CREATE TABLE job_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL,
  log_message TEXT NOT NULL,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_job_logs_job_id ON job_logs(job_id);
"""


def sqlite(database: Path, sql: str) -> str:
    """What the command prints; waits for a lock."""
    done = subprocess.run(
        [program("sqlite3"), "-cmd", ".timeout 120000", str(database), sql], check=True, capture_output=True, text=True
    )
    return done.stdout


def rows(database: Path, job_id: str) -> list[dict[str, Any]]:
    """The old UI's query."""
    done = subprocess.run(
        [
            program("sqlite3"),
            "-json",
            "-cmd",
            ".timeout 120000",
            str(database),
            f"SELECT * FROM job_logs WHERE job_id = '{job_id}' ORDER BY id ASC",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout or "[]")


def messages(database: Path, job_id: str) -> list[str]:
    return [row["log_message"] for row in rows(database, job_id)]
