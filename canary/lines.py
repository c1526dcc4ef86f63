"""What the canary's lines say, so that none can be taken for another."""

import re
from typing import Final

__all__ = ["message_of", "number_in"]

_MESSAGE: Final = re.compile(r"canary (\S+) line ([1-9][0-9]{0,17})\Z", re.ASCII)
_CLOSING: Final = re.compile(r"(🎉 작업 완료|❌ 오류: )")


def message_of(task_id: str, number: int) -> str:
    """The message of a line."""
    return f"canary {task_id} line {number}"


def number_in(task_id: str, message: str) -> int | None:
    """The number of a line of the task; 0 for what is none of its lines; None for a closing row of the gateway's."""
    match = _MESSAGE.match(message)
    if match is not None and match[1] == task_id:
        return int(match[2])
    return None if _CLOSING.match(message) else 0
