"""Which records belong to the summary of an execution of all scripts, decided without a database."""

from collections.abc import Iterable

from components.executions.tables.records import RunAllSummary

__all__ = ["recorded_of"]


def recorded_of(summary: RunAllSummary, records: Iterable[tuple[str, bool]]) -> tuple[int, int]:
    """How many executions of a summary are recorded already, and how many failures.

    The older UI records each script of a run-all as any other execution, and then the summary. So the newest records
    are the summary's: each of another script, and no more, failed or not, than it counts. What is recorded before them
    was executed alone.

    Args:
        summary: what counts all of them.
        records: script and whether it failed, since the summary before, the newest first.
    """
    scripts: set[str] = set()
    failed = 0
    succeeded_max = summary.total_executions - summary.failed_count
    for script_id, has_failed in records:
        failures = failed + has_failed
        if script_id in scripts or failures > summary.failed_count or len(scripts) + 1 - failures > succeeded_max:
            break
        scripts.add(script_id)
        failed = failures
    return len(scripts), failed
