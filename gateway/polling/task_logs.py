"""The reader of ``task_logs`` for the polling API. A component provides it."""

from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["TaskLogReader", "TaskLogs"]


class TaskLogReader(Protocol):
    """Reads ``task_logs``."""

    async def logs(
        self,
        task_id: str,
        *,
        limit: int,
        level: str | None = None,
        queue_type: str | None = None,
        action_type: str | None = None,
    ) -> list[dict[str, Any]]:
        """The newest rows of a task, by the names of their columns; a filter that is None lets every row pass.

        Raises:
            StorageError: the database cannot be read now.
        """
        ...


@dataclass(slots=True)
class TaskLogs:
    """The reader that a component has set; None: there are no such rows."""

    reader: TaskLogReader | None = None
