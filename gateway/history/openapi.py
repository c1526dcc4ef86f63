"""What the routes of the history have in common in their description."""

from typing import Annotated, Final

import msgspec

from gateway.routing.operation import Tag
from gateway.routing.parameters import Identifier

__all__ = ["HISTORY", "STATUSES", "TASK", "Status"]

HISTORY: Final = Tag("History", "What is stored: entries of a task, their counts, and searches.")
STATUSES: Final = ("RUNNING", "COMPLETED", "FAILED")
Status = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(STATUSES)})]
TASK: Final = Identifier("taskId", "The task.", examples=("build-7",))
