"""Room on the disk that is kept back, so that old lines can be removed when the disk is full."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage.sqlite.errors import bytes_free

__all__ = ["RESERVE_BYTES", "DiskReserve"]

RESERVE_BYTES: Final = 8 << 20
"""Removing writes to the write-ahead log, some hundred KB a step, and has it copied back every 16 steps."""

_ROOM_FACTOR: Final = 4
"""It is made only if there is so much more room: it must not be what fills the disk."""


class DiskReserve:
    """A file ``<database>.reserve``. Belongs to one thread at a time; blocks.

    Args:
        database: the file that grows.
        size: bytes; 0: none is kept.
    """

    def __init__(self, database: Path, size: int = RESERVE_BYTES) -> None:
        self._path = Path(f"{database}.reserve")
        self._size = size

    def __repr__(self) -> str:
        return f"<DiskReserve {str(self._path)!r} of {self._size} bytes>"

    def keep(self) -> None:
        """Make it, if it is not there and there is room enough; a disk that cannot have it has none."""
        with suppress(OSError):
            if self._path.exists() or not self._size or (bytes_free(self._path) or 0) < _ROOM_FACTOR * self._size:
                return
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, self._size)
            except OSError:
                self.give_up()
                raise
            finally:
                os.close(file)

    def give_up(self) -> bool:
        """Remove it; whether there was one."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
