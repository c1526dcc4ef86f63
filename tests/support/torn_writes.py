"""The death of a process at any byte that it writes to its spool."""

import os

import otto_logs._segments as segments

__all__ = ["DeadError", "TornWrites"]


class DeadError(BaseException):
    """The process is dead; nothing of it runs any more, not even what handles errors."""


class TornWrites:
    """Lets a spool write so many bytes, and then no more. None: for ever."""

    def __init__(self) -> None:
        self.bytes_left: int | None = None
        self._write = segments.append_whole

    def patch(self) -> None:
        segments.append_whole = self.write  # type: ignore[assignment]

    def restore(self) -> None:
        segments.append_whole = self._write

    def live(self) -> None:
        """The next process lives."""
        self.bytes_left = None

    def write(self, fd: int, size: int, data: bytes) -> int:
        if self.bytes_left is None:
            return self._write(fd, size, data)
        if self.bytes_left >= len(data):
            self.bytes_left -= len(data)
            return self._write(fd, size, data)
        os.write(fd, data[: self.bytes_left])
        self.bytes_left = 0
        raise DeadError
