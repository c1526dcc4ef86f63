"""A commit as one gateway tells it to the others."""

from collections.abc import Sequence

import msgspec

__all__ = ["RelayedCommit"]


class RelayedCommit(msgspec.Struct, array_like=True, frozen=True):
    """What one commit stored in a lane: ``records`` of ``(before, position]``, in order.

    Each is the task, its kind, first and last sequence, codec, raw size, checksum and payload.
    """

    gateway: str
    token: str
    before: int
    position: int
    records: Sequence[tuple[str, int, int, int, int, int, int, bytes]]
    lane: int = 0
