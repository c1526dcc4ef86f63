"""The automation queue's tables: tasks, schedules, queue, log and the scheduler's lock."""

from components.automation.tables.database import AutomationDatabase
from components.automation.tables.lock import LockLostError, SchedulerLock
from components.automation.tables.overview import TABS, TaskDetail, TaskOverview, TaskPage
from components.automation.tables.records import QueueItem, StopReport, TaskLine, next_queue_type
from components.automation.tables.repository import QueueRepository
from components.automation.tables.tasks import TaskRepository

__all__ = [
    "TABS",
    "AutomationDatabase",
    "LockLostError",
    "QueueItem",
    "QueueRepository",
    "SchedulerLock",
    "StopReport",
    "TaskDetail",
    "TaskLine",
    "TaskOverview",
    "TaskPage",
    "TaskRepository",
    "next_queue_type",
]
