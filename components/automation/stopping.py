"""Stopping a task: first in the tables, in one transaction, then its own processes."""

import asyncio

from components.automation.messages import AutomationTaskStopped
from components.automation.processes import boot_id, end_processes
from components.automation.tables import TaskRepository

__all__ = ["stop_task"]


async def stop_task(tasks: TaskRepository, task_id: str, *, grace_seconds: float = 5.0) -> AutomationTaskStopped | None:
    """The answer of ``POST /api/automation/stop``; None for an unknown task."""
    report = await asyncio.to_thread(tasks.stop, task_id)
    if report is None:
        return None
    killed: dict[str, None] = {}
    for boot, pid, started in await asyncio.to_thread(tasks.processes, report.processing):
        if boot == boot_id():
            killed |= dict.fromkeys(await end_processes(pid, started, grace_seconds=grace_seconds))
    return AutomationTaskStopped(
        success=True,
        stopped_processing=len(report.processing),
        deleted_waiting=report.deleted_waiting,
        killed_processes=list(killed),
    )
