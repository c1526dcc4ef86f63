"""What measures time, on a machine that was started a moment ago, and on one that runs for thirty years."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = (
    *("tests/sessions/test_hub.py", "tests/sessions/test_catch_up_scheduler.py", "tests/sessions/test_updates.py"),
    *("tests/storage/journal/test_gathering.py", "tests/storage/test_outage.py"),
    *(
        "tests/gateway/grpc_server/test_time_limits.py",
        "tests/gateway/ingest/test_open_tasks.py",
        "tests/gateway/monitoring/test_health.py",
        "tests/gateway/monitoring/test_summary_stats.py",
    ),
    *("tests/components/batch_jobs/test_jobs.py", "tests/clients/test_backoff.py", "tests/clients/test_outbox.py"),
)


@pytest.mark.parametrize("starts_at", ["0", "1e9"])
def test_the_monotonic_clock_may_begin_anywhere(starts_at: str, tmp_path: Path) -> None:
    """Linux counts it from the boot: no moment is told by a number that the clock could show, such as 0 for never."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'parts'}", *PARTS],
        cwd=ROOT,
        env=environment | {"MONOTONIC_STARTS_AT": starts_at, "PYTHONPATH": str(ROOT / "tests/support/monotonic_clock")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
