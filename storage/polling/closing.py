"""The closing row: what tells a polling UI that a task has ended when its own last line does not."""

from enum import Enum
from typing import Final

from storage.journal import TaskEnded

__all__ = ["FINISHED", "ClosingRows", "closing_message"]

FINISHED: Final = "작업 완료"
"""The old UI stops polling at a last message that contains this."""


class ClosingRows(Enum):
    """Which ends of tasks get a closing row."""

    STATUS = "status"
    """Ends that followed from worker status reports; who ends a task on the native wire writes its own last line."""
    ALWAYS = "always"
    NEVER = "never"


def closing_message(policy: ClosingRows, ended: TaskEnded, last_message: str | None) -> str | None:
    """The closing row's message, or None where there is nothing to add.

    ``last_message`` is the job's newest row of any origin (None: no row), because that is what the UI looks at: a row
    that another program wrote counts as well. A task that was opened again and ends again gets another closing row
    behind its new lines, for the UI looks only at the last one; an end without new lines adds nothing.
    """
    if policy is ClosingRows.NEVER or (policy is ClosingRows.STATUS and not ended.through_status):
        return None
    message = f"🎉 {FINISHED}" if ended.status == "COMPLETED" else f"❌ 오류: {ended.reason or ended.status}"
    if last_message is not None and (FINISHED in last_message or last_message == message):
        return None
    return message
