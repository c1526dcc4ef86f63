"""Who a read of stored lines is for, so that reads can be shared out fairly."""

from typing import Final, NamedTuple

__all__ = ["NOBODY", "ReadOwner"]


class ReadOwner(NamedTuple):
    """A principal's share of the reads is divided among its readers: sessions, and requests for the past."""

    principal: str = ""
    reader: str = ""


NOBODY: Final = ReadOwner()
"""The gateway itself: sinks, retention."""
