"""How many items wait and run, by queue type."""

from dataclasses import dataclass, field

from sqlalchemy import func, select

from components.automation.tables.database import AutomationDatabase
from components.automation.tables.records import QUEUE_TYPES
from components.automation.tables.schema import task_queue

__all__ = ["QueueDepths", "queue_depths"]


@dataclass(frozen=True, slots=True)
class QueueDepths:
    """Items by queue type, each with an entry; those of schedules that wait for their time are in ``waiting``."""

    waiting: dict[str, int] = field(default_factory=dict)
    processing: dict[str, int] = field(default_factory=dict)


def queue_depths(database: AutomationDatabase) -> QueueDepths:
    """Count them; blocks.

    Raises:
        StorageError: the database cannot be used now.
    """
    depths = QueueDepths(dict.fromkeys(QUEUE_TYPES, 0), dict.fromkeys(QUEUE_TYPES, 0))
    open_items = task_queue.c.status.in_(("waiting", "processing"))
    query = select(task_queue.c.queue_type, task_queue.c.status, func.count()).where(open_items)
    with database.reading() as connection:
        for queue_type, status, count in connection.execute(
            query.group_by(task_queue.c.queue_type, task_queue.c.status)
        ):
            (depths.waiting if status == "waiting" else depths.processing)[queue_type] = count
    return depths
