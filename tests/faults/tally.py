"""What a producer has sent and what was acknowledged, in a file that survives its ``kill -9``."""

import os
import struct
from pathlib import Path

__all__ = ["Tally"]

_FORM = struct.Struct("<QQQ")


class Tally:
    """Three numbers, written in one system call, so that a process that is killed leaves whole ones.

    Attributes:
        sent: the highest number that was, or is just being, given to the client or the wire.
        accepted: the client has returned from every line up to this one; always 0 on Otto's wire.
        acknowledged: everything up to this number was acknowledged.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        data = os.pread(self._file, _FORM.size, 0)
        self.sent, self.accepted, self.acknowledged = _FORM.unpack(data) if data else (0, 0, 0)

    def __repr__(self) -> str:
        return f"<Tally sent={self.sent} accepted={self.accepted} acknowledged={self.acknowledged}>"

    def write(self, *, sent: int | None = None, accepted: int | None = None, acknowledged: int | None = None) -> None:
        """Change some of them."""
        self.sent = self.sent if sent is None else sent
        self.accepted = self.accepted if accepted is None else accepted
        self.acknowledged = self.acknowledged if acknowledged is None else acknowledged
        os.pwrite(self._file, _FORM.pack(self.sent, self.accepted, self.acknowledged), 0)

    def close(self) -> None:
        os.close(self._file)
