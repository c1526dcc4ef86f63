"""The files of a spool on disk: segments that are only ever appended to, and deleted once nothing in them is needed.

Each begins with a snapshot of the ledger, so that an older one is needed for its lines alone. A file that an earlier
process wrote is never appended to: what is torn at its end stays there, and is skipped when it is read.
"""

import contextlib
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from otto_logs._records import RecordKind, frame

__all__ = ["Place", "Segment", "SegmentLog", "append_whole", "segment_files"]

_SUFFIX: Final = ".segment"


class Segment:
    """One file. ``first`` is the ordinal that comes next when it begins, ``live`` how many in it are still needed."""

    __slots__ = ("first", "index", "live", "path", "size")

    def __init__(self, path: Path, index: int, first: int, size: int) -> None:
        self.path = path
        self.index = index
        self.first = first
        self.size = size
        self.live = 0

    def __repr__(self) -> str:
        return f"<Segment {self.index} first={self.first} size={self.size} live={self.live}>"


class Place(NamedTuple):
    """A byte in the log, by the number of the segment."""

    segment: int
    offset: int


class SegmentLog:
    """The segments of one directory, the last of which is written to.

    Args:
        directory: holds nothing but this log's files.
        segment_bytes: what is appended to a segment before the next one begins, its snapshot aside.
        snapshot: gives the ledger as the first record of a segment.
        durable: whether ``sync`` waits for the disk.
    """

    def __init__(self, directory: Path, segment_bytes: int, snapshot: Callable[[], bytes], *, durable: bool) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._snapshot = snapshot
        self._durable = durable
        self._segments: list[Segment] = []
        self._firsts: list[int] = []
        self._fd = -1
        self._full_at = 0
        self._index = max((index for index, _ in segment_files(directory)), default=0)
        self.bytes = 0
        self.next_ordinal = 1

    def __repr__(self) -> str:
        return f"<SegmentLog {self._directory} segments={len(self._segments)} bytes={self.bytes}>"

    @property
    def is_open(self) -> bool:
        """Whether there is a segment to write to."""
        return self._fd >= 0

    @property
    def end(self) -> Place:
        """Where the next record will be, as far as no new segment begins before."""
        active = self._segments[-1]
        return Place(active.index, active.size)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The files, oldest first."""
        return tuple(self._segments)

    def adopt(self, segment: Segment) -> None:
        """An older file that is still needed."""
        self._segments.append(segment)
        self._firsts.append(segment.first)
        self.bytes += segment.size

    def needs_segment(self) -> bool:
        """Whether the next record needs a new segment."""
        return self._fd < 0 or self._segments[-1].size >= self._full_at

    def begin_segment(self) -> None:
        """Start a new file with a snapshot, and delete the ones that are not needed any more.

        Raises:
            OSError: it cannot be written.
        """
        self._index += 1
        path = self._directory / f"{self._index:010}{_SUFFIX}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            size = append_whole(fd, 0, frame(RecordKind.SNAPSHOT, self._snapshot()))
            if self._durable:
                os.fsync(fd)
                _sync_directory(self._directory)
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        self.end_segment()
        self._fd = fd
        self._full_at = size + self._segment_bytes
        self.adopt(Segment(path, self._index, self.next_ordinal, size))
        self._delete()

    def end_segment(self) -> None:
        """Write no more to the last file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def append(self, record: bytes) -> None:
        """Add a record to the last segment, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        active = self._segments[-1]
        written = append_whole(self._fd, active.size, record)
        active.size += written
        self.bytes += written

    def append_ordinal(self, record: bytes) -> None:
        """Add a record that has the next ordinal."""
        self.append(record)
        self._segments[-1].live += 1
        self.next_ordinal += 1

    def sync(self) -> None:
        """Return once what was appended survives the loss of power, where that is asked for."""
        if self._durable and self._fd >= 0:
            getattr(os, "fdatasync", os.fsync)(self._fd)

    def release(self, ordinals: Iterable[int]) -> None:
        """These are not needed any more: delete the files that have none left."""
        segments, firsts = self._segments, self._firsts
        begin = end = 0
        segment: Segment | None = None
        is_empty = False
        for ordinal in ordinals:
            if segment is None or not begin <= ordinal < end:
                at = bisect_right(firsts, ordinal) - 1
                if at < 0:
                    continue  # kept, and its segment is gone
                segment = segments[at]
                begin, end = segment.first, firsts[at + 1] if at + 1 < len(firsts) else self.next_ordinal
            segment.live -= 1
            is_empty = is_empty or segment.live <= 0
        if is_empty:
            self._delete()

    def _delete(self) -> None:
        kept = [segment for segment in self._segments[:-1] if segment.live > 0]
        for segment in self._segments[:-1]:
            if segment.live <= 0:
                with contextlib.suppress(OSError):
                    segment.path.unlink()
                self.bytes -= segment.size
        self._segments = [*kept, self._segments[-1]]
        self._firsts = [segment.first for segment in self._segments]

    def read(self, place: Place) -> tuple[bytes, int, int] | None:
        """The rest of the segment that ``place`` is in, or all of the next one that there is.

        Returns:
            The bytes, the segment's index, and the offset at which they begin; None: there is nothing after it.
        """
        for segment in self._segments:
            offset = place.offset if segment.index == place.segment else 0
            if segment.index < place.segment or offset >= segment.size:
                continue
            try:
                with segment.path.open("rb") as file:
                    file.seek(offset)
                    return file.read(segment.size - offset), segment.index, offset
            except OSError:
                continue  # what was in it is found to be missing
        return None

    def close(self) -> None:
        """Write no more. Idempotent."""
        self.end_segment()


def segment_files(directory: Path) -> list[tuple[int, Path]]:
    """The segments that are in a directory, oldest first, with their indexes."""
    return sorted(
        (int(path.stem), path) for path in directory.glob(f"*{_SUFFIX}") if path.stem.isdecimal() and path.is_file()
    )


def append_whole(fd: int, size: int, data: bytes) -> int:
    """Append to a file that has ``size`` bytes; where not all of it can be written, nothing is."""
    try:
        written = os.write(fd, data)
        while written < len(data):
            written += os.write(fd, data[written:])
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)
        raise
    return len(data)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
