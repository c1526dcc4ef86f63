"""Chunks: what one commit stored of one task, as NDJSON, compressed where it pays, with a checksum."""

import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import zstandard

from filters.entry import LogEntry, encode_lines
from storage.errors import StorageError
from storage.journal.level_counts import pack_levels

__all__ = ["ChunkDamagedError", "PackedChunk", "open_payload", "open_text", "pack", "repack"]

LINES_MAX: Final = 8192
RAW_BYTES_MAX: Final = 1 << 20
COMPRESS_FROM_BYTES: Final = 400
"""Below this zstd saves less than a hundred bytes and costs 10 µs."""

_PLAIN: Final = 0
_ZSTD: Final = 1
_LEVEL: Final = 1

# A compressor belongs to one thread at a time.
_local = threading.local()


class ChunkDamagedError(StorageError):
    """What the disk gave back is not what was written; the text names the task and the lines."""

    def __init__(self, task_id: str, first: int, last: int, reason: str) -> None:
        super().__init__(f"the stored lines {first} to {last} of task {task_id!r} are damaged: {reason}")
        self.task_id = task_id
        self.first = first
        self.last = last
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PackedChunk:
    """A chunk ready to be stored, with the bounds by which filters skip it."""

    lines: list[bytes]
    levels: int
    earliest: str
    latest: str
    codec: int
    raw_size: int
    checksum: int
    payload: bytes


def pack(entries: Sequence[LogEntry]) -> Iterator[PackedChunk]:
    """Encode entries once, for the disk and for every subscriber, and cut them into chunks of bounded size."""
    lines = encode_lines(entries)
    start = size = 0
    for index, line in enumerate(lines):
        if index - start >= LINES_MAX or (size + len(line) > RAW_BYTES_MAX and index > start):
            yield _pack(entries[start:index], lines[start:index])
            start, size = index, 0
        size += len(line) + 1
    yield _pack(entries[start:], lines[start:])


def repack(entries: Sequence[LogEntry]) -> PackedChunk:
    """The chunk of entries that were one before, whatever their size is now."""
    return _pack(entries, encode_lines(entries))


def _pack(entries: Sequence[LogEntry], lines: list[bytes]) -> PackedChunk:
    raw = b"\n".join(lines)
    codec, payload = _PLAIN, raw
    if len(raw) >= COMPRESS_FROM_BYTES:
        compressed = _compressor().compress(raw)
        if len(compressed) < len(raw):
            codec, payload = _ZSTD, compressed
    levels = pack_levels([entry.level for entry in entries])
    times = [entry.timestamp for entry in entries]
    return PackedChunk(lines, levels, min(times), max(times), codec, len(raw), zlib.crc32(payload), payload)


def open_payload(
    codec: int, raw_size: int, checksum: int, payload: bytes, *, task_id: str, first: int, last: int
) -> list[bytes]:
    """The lines of a stored chunk; see ``open_text``."""
    return open_text(codec, raw_size, checksum, payload, task_id=task_id, first=first, last=last).split(b"\n")


def open_text(
    codec: int, raw_size: int, checksum: int, payload: bytes, *, task_id: str, first: int, last: int
) -> bytes:
    """The lines of a stored chunk in one piece, with a newline between each two.

    Args:
        codec: as stored.
        raw_size: as stored, in bytes.
        checksum: as stored; CRC-32 of the payload.
        payload: as stored.
        task_id: whose lines they are.
        first: as stored, the sequence of the first line.
        last: as stored, the sequence of the last line.

    Raises:
        ChunkDamagedError: the checksum, the size or the number of lines is wrong.
    """
    if zlib.crc32(payload) != checksum:
        raise ChunkDamagedError(task_id, first, last, "their checksum does not match")
    if codec == _ZSTD:
        try:
            payload = _decompressor().decompress(payload, max_output_size=raw_size)
        except zstandard.ZstdError as error:
            raise ChunkDamagedError(task_id, first, last, f"they cannot be decompressed ({error})") from error
    if len(payload) != raw_size:
        raise ChunkDamagedError(task_id, first, last, "their size does not match")
    lines = payload.count(b"\n") + 1
    if lines != last - first + 1:
        raise ChunkDamagedError(task_id, first, last, f"there are {lines} of them")
    return payload


def _compressor() -> zstandard.ZstdCompressor:
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    return decompressor
