"""Deleting old rows."""

from pathlib import Path

from storage.polling import PollingTable
from storage.polling.retention import RetentionSweep
from tests.support.job_logs import messages, sqlite


def test_old_rows_of_everyone_go_and_the_rest_stays(tmp_path: Path) -> None:
    """A row's own time decides, in any form that SQLite reads; without a readable one it is kept."""
    database = tmp_path / "a.db"
    table = PollingTable(database)
    table.prepare()
    sqlite(
        database,
        """INSERT INTO job_logs (job_id, log_message, created_at) VALUES
        ('j', 'old', datetime('now', '-8 days')), ('j', 'new', datetime('now', '-6 days')),
        ('j', 'old, ISO', '2020-01-01T00:00:00.123Z'), ('j', 'no time', NULL), ('j', 'odd time', 'yesterday'),
        ('j', 'old, behind new ones', '2020-01-01 00:00:00'), ('j', 'now', CURRENT_TIMESTAMP)""",
    )
    sweep = RetentionSweep(table, 7, rows_max=2)
    steps = 0
    while sweep.step():
        steps += 1
    assert steps == 4
    assert sweep.deleted == 3
    assert messages(database, "j") == ["new", "no time", "odd time", "now"]
