"""Which lane a task or a pipeline is in: fixed for ever by its name and the number of lanes."""

import zlib

from storage.journal.interface import Append, StageProgress

__all__ = ["lane_of", "lane_of_item"]


def lane_of(name: str, lanes: int) -> int:
    """The lane of a task or a pipeline; every gateway of every version has to find the same one."""
    return zlib.crc32(name.encode()) % lanes if lanes > 1 else 0


def lane_of_item(item: Append, lanes: int) -> int:
    """The lane of the task or pipeline that an append belongs to."""
    return lane_of(item.pipeline_id if isinstance(item, StageProgress) else item.task_id, lanes)
