"""What is kept of tasks whose lines retention has removed: how far each was counted, by a hash of its name.

A number of a task is never given twice, or a position that a client holds could mean another line. So the row of a task
may go, but not its last number. A name that shares its hash with a removed one, which does not happen by chance, begins
behind that one's numbers; nothing else comes of it.
"""

import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Final

__all__ = ["IDLE_SECONDS", "name_hash", "unix_seconds"]

IDLE_SECONDS: Final = 90 * 86400
"""How long the row of a task without lines stays that has not ended, or never had a line; as producers' numbers do."""


def name_hash(task_id: str) -> int:
    """64 bits with a sign, as both databases store them; PostgreSQL computes the same in ``journal_name_hash``."""
    digest = hashlib.md5(task_id.encode(errors="replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], signed=True)


def unix_seconds(timestamp: str | None) -> int | None:
    """The time of an end in whole seconds; None for what is none."""
    with suppress(ValueError, TypeError, OverflowError):
        return int(datetime.fromisoformat(timestamp).timestamp())  # type: ignore[arg-type]
    return None
