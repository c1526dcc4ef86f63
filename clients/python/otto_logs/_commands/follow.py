"""A file that is being written to, line by line: across its rotation, its truncation and our own restarts."""

import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from otto_logs._commands.exit_codes import say
from otto_logs._commands.lines import LineSplitter, OutputLine

__all__ = ["FollowedFile", "FollowedLine"]

_READ_BYTES: Final = 64 * 1024
_POLL_SECONDS: Final = 0.2
_HEAD_BYTES_MAX: Final = 256


class FollowedLine(NamedTuple):
    """A line, and where to continue after it."""

    line: OutputLine
    position: list[int]


class FollowedFile:
    """Yields the lines of a file as they are written, for ever; a line counts once it has its end.

    A position is the file's device and inode, the offset after the line, and a checksum of the file's head, because an
    inode number is used again. A file that was renamed in its directory meanwhile is read to its end first.

    Args:
        path: need not exist yet.
        position: where an earlier one has stopped; None: at the beginning.
    """

    def __init__(self, path: Path, position: list[int] | None) -> None:
        self._path = path
        self._position = position
        self._splitter = LineSplitter(progress_seconds=None)
        self._fd = -1
        self._offset = 0
        self._complete = 0
        self._file = (0, 0)

    def __repr__(self) -> str:
        return f"<FollowedFile {self._path} offset={self._offset}>"

    def __iter__(self) -> Iterator[FollowedLine]:
        try:
            self._resume()
            while True:
                if self._fd >= 0:
                    yield from self._read_on()
                if self._is_replaced():
                    if self._fd >= 0:
                        yield from self._read_on()  # what was written between the end and the rename
                        yield from self._last_line()
                    self._open(self._path, 0)
                else:
                    time.sleep(_POLL_SECONDS)
        finally:
            self._close()

    def _resume(self) -> None:
        """Continue in the file that an earlier one has stopped in, whatever it is called now."""
        if self._position is None:
            return
        device, inode, offset, head = self._position
        for path in (self._path, *sorted(self._path.parent.glob(f"{self._path.name}*"))):
            try:
                state = path.stat()
            except OSError:
                continue
            if (state.st_dev, state.st_ino) == (device, inode) and state.st_size >= offset:
                self._open(path, offset)
                if self._fd >= 0 and self._head() == head:
                    return
        self._close()
        say(f"{self._path} is another file than the one that was read before; beginning at its start")

    def _open(self, path: Path, offset: int) -> None:
        self._close()
        try:
            self._fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        state = os.fstat(self._fd)
        self._file = (state.st_dev, state.st_ino)
        self._offset = self._complete = os.lseek(self._fd, offset, os.SEEK_SET)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _is_replaced(self) -> bool:
        """Whether the path is another file now, or there was none."""
        try:
            state = self._path.stat()
        except FileNotFoundError:
            return False
        if self._fd < 0:
            return True
        return (state.st_dev, state.st_ino) != self._file

    def _read_on(self) -> Iterator[FollowedLine]:
        """What has been written since."""
        if os.fstat(self._fd).st_size < self._offset:
            say(f"{self._path} was truncated; beginning at its start")
            self._splitter = LineSplitter(progress_seconds=None)
            self._offset = self._complete = os.lseek(self._fd, 0, os.SEEK_SET)
        while data := os.read(self._fd, _READ_BYTES):
            for piece in _at_line_feeds(data):
                self._offset += len(piece)
                for line in self._splitter.feed(piece, 0.0):
                    self._complete = self._offset
                    yield FollowedLine(line, self._place())

    def _last_line(self) -> Iterator[FollowedLine]:
        """A rotated file's last line may have no end."""
        for line in self._splitter.end():
            self._complete = self._offset
            yield FollowedLine(line, self._place())

    def _place(self) -> list[int]:
        return [*self._file, self._complete, self._head()]

    def _head(self) -> int:
        """A checksum of the file's beginning, of no more than what is surely there for good."""
        size = min(self._complete, _HEAD_BYTES_MAX)
        return zlib.crc32(os.pread(self._fd, size, 0))


def _at_line_feeds(data: bytes) -> list[bytes]:
    *ended, rest = data.split(b"\n")
    return [*(part + b"\n" for part in ended), *([rest] if rest else [])]
