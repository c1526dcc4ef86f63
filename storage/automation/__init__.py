"""The automation queue's tables: tasks, schedules, queue, log and the scheduler's lock."""

from storage.automation.database import AutomationDatabase
from storage.automation.lock import LockLostError, SchedulerLock
from storage.automation.overview import TABS, TaskOverview
from storage.automation.records import QueueItem, StopReport, TaskLine, next_queue_type
from storage.automation.repository import QueueRepository
from storage.automation.tasks import TaskRepository

__all__ = [
    "TABS",
    "AutomationDatabase",
    "LockLostError",
    "QueueItem",
    "QueueRepository",
    "SchedulerLock",
    "StopReport",
    "TaskLine",
    "TaskOverview",
    "TaskRepository",
    "next_queue_type",
]
