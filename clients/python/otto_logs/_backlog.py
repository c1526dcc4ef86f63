"""What is on disk and not in memory: a place in the log, read from there on record by record."""

from collections.abc import Iterator
from typing import NamedTuple

from otto_logs._records import Record, RecordKind, SpooledLine, line_ordinal, read_address, read_line, scan
from otto_logs._segments import Place, SegmentLog
from otto_logs._spool import Address

__all__ = ["Backlog", "BacklogItem", "BacklogLine"]


class BacklogLine(NamedTuple):
    """A line, and whose it is."""

    ordinal: int
    line: SpooledLine
    address: Address


class BacklogItem(NamedTuple):
    """A request that is no line, as bytes."""

    ordinal: int
    item: bytes


class Backlog:
    """Reads lines and items after a place, in order, and steps over what is damaged.

    Args:
        log: the files.
        place: where to begin.
        expected: the ordinal that is there, or would be.
        addresses: those whose records are before the place.
    """

    def __init__(self, log: SegmentLog, place: Place, expected: int, addresses: dict[int, Address]) -> None:
        self._log = log
        self._place = place
        self._addresses = addresses
        self._records: Iterator[Record] = iter(())
        self._base = 0
        self._end = place
        self.expected = expected
        self.skipped_bytes = 0

    def __repr__(self) -> str:
        return f"<Backlog at {self._place} expected={self.expected}>"

    def next(self) -> BacklogLine | BacklogItem | None:
        """The next line or item; None: there is nothing more. ``expected`` is the caller's to move."""
        while (record := self._next_record()) is not None:
            self.skipped_bytes += record.skipped_bytes
            if record.kind == RecordKind.ADDRESS:
                number, address = read_address(record.body)
                self._addresses[number] = address
            elif record.kind == RecordKind.ITEM:
                return BacklogItem(line_ordinal(record.body), record.body[8:])
            elif record.kind == RecordKind.LINE:
                line = read_line(record.body)
                known = self._addresses.get(line.address)
                if known is not None:
                    return BacklogLine(line.ordinal, line, known)
        return None

    def _next_record(self) -> Record | None:
        while True:
            record = next(self._records, None)
            if record is not None:
                self._place = Place(self._place.segment, self._base + record.end)
                return record
            self._place = self._end  # what is behind the last record is torn
            read = self._log.read(self._place)
            if read is None:
                return None
            data, index, self._base = read
            self._place, self._end = Place(index, self._base), Place(index, self._base + len(data))
            self._records = scan(data)
