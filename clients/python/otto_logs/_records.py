"""Records in a file: each with a marker, its length and a checksum, so that a torn or damaged one is seen and skipped.

A record is the marker, the length of its body with the kind, a CRC-32 of both, the kind, and the body. All numbers are
little-endian.
"""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from otto_logs._spool import Address
from otto_logs._values import Level, Source

__all__ = [
    "HEADER_BYTES",
    "Record",
    "RecordKind",
    "SpooledLine",
    "address_body",
    "damaged_tail_bytes",
    "frame",
    "line_ordinal",
    "line_record",
    "read_address",
    "read_line",
    "scan",
]

_MARKER: Final = b"\xf5OL\x1e"
"""0xF5 is in no UTF-8 text, so that searching for the next record rarely stops inside a message."""
_HEADER: Final = struct.Struct("<4sII")
_LINE: Final = struct.Struct("<QqdBBII")
_LINE_HEAD: Final = struct.Struct("<BQqdBBII")
_FIELDS_SIZE: Final = struct.Struct("<I")
_ORDINAL: Final = struct.Struct("<Q")
_LEVELS: Final = {int(level): level for level in Level}
_SOURCES: Final = {int(source): source for source in Source}
HEADER_BYTES: Final = _HEADER.size + 1


class RecordKind(IntEnum):
    """What a record says."""

    SNAPSHOT = 1
    """The whole ledger; what was said of it before no longer counts."""
    ADDRESS = 2
    """A number for a task and a worker, in this segment."""
    LINE = 3
    ITEM = 4
    NUMBERED = 5
    """A request has its number and its content for good."""
    ACKNOWLEDGED = 6
    DROPPED = 7
    KEPT = 8
    """An item that outlives the segment it was in."""


class Record(NamedTuple):
    """A record and where it ends; ``skipped_bytes`` before it could not be read."""

    kind: int
    body: bytes
    end: int
    skipped_bytes: int


class SpooledLine(NamedTuple):
    """A line as it is in its record. ``accepted_at`` is in seconds since the Unix epoch, ``address`` a number."""

    ordinal: int
    time_unix_nano: int
    accepted_at: float
    level: Level
    source: Source
    address: int
    fields: bytes
    message: bytes


def frame(kind: RecordKind, body: bytes) -> bytes:
    """A record as it goes into a file."""
    body = kind.to_bytes() + body
    size = len(body)
    return _HEADER.pack(_MARKER, size, zlib.crc32(body, size)) + body


def line_record(
    ordinal: int,
    time_unix_nano: int,
    accepted_at: float,
    level: Level,
    source: Source,
    address: int,
    fields: bytes,
    message: bytes,
) -> bytes:
    """A line's record; what ``frame`` would make of it, in the one place where that takes a good part of the time."""
    head = _LINE_HEAD.pack(RecordKind.LINE, ordinal, time_unix_nano, accepted_at, level, source, address, len(fields))
    body = head + fields + message
    size = len(body)
    return _HEADER.pack(_MARKER, size, zlib.crc32(body, size)) + body


def read_line(body: bytes) -> SpooledLine:
    """The opposite of ``split``."""
    ordinal, time_unix_nano, accepted_at, level, source, address, size = _LINE.unpack_from(body)
    end = _LINE.size + size
    return SpooledLine(
        ordinal,
        time_unix_nano,
        accepted_at,
        _LEVELS[level],
        _SOURCES[source],
        address,
        body[_LINE.size : end],
        body[end:],
    )


def line_ordinal(body: bytes) -> int:
    """The ordinal with which the body of a line or an item begins."""
    return int(_ORDINAL.unpack_from(body)[0])


def scan(data: bytes, start: int = 0) -> Iterator[Record]:
    """All records that can be read, in order; after damage, from the next one on."""
    position, skipped, size_max = start, 0, len(data)
    unpack, crc32 = _HEADER.unpack_from, zlib.crc32
    while position + HEADER_BYTES <= size_max:
        marker, size, checksum = unpack(data, position)
        begin = position + _HEADER.size
        end = begin + size
        if marker == _MARKER and size >= 1 and end <= size_max:
            body = data[begin:end]
            if crc32(body, size) == checksum:
                position = end
                yield Record(body[0], body[1:], end, skipped)
                skipped = 0
                continue
        found = data.find(_MARKER, position + 1)
        if found < 0:
            return
        skipped += found - position
        position = found


def damaged_tail_bytes(data: bytes, end: int) -> int:
    """What follows the last record that can be read; 0 if it is the beginning of one that was never finished."""
    rest = data[end : end + HEADER_BYTES]
    if not rest.startswith(_MARKER[: len(rest)]):
        return len(data) - end
    is_cut = len(rest) < HEADER_BYTES or end + _HEADER.size + _HEADER.unpack_from(rest)[1] > len(data)
    return 0 if is_cut else len(data) - end


def line_has_fields(body: bytes) -> bool:
    """Whether a line has metadata or positions."""
    return _FIELDS_SIZE.unpack_from(body, _LINE.size - _FIELDS_SIZE.size) != (0,)


def address_body(number: int, address: Address) -> bytes:
    """The body of an address's record."""
    task = address.task_id.encode()
    return struct.pack("<II", number, len(task)) + task + address.worker_id.encode()


def read_address(body: bytes) -> tuple[int, Address]:
    """The opposite of ``address_body``."""
    number, size = struct.unpack_from("<II", body)
    return number, Address(body[8 : 8 + size].decode(), body[8 + size :].decode())
