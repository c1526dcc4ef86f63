"""What a spool on disk writes: lines, items, and what became of them, as long as the directory takes it."""

import json
import math
import os
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from otto_logs._records import RecordKind, address_body, frame, line_record
from otto_logs._segments import Place, SegmentLog
from otto_logs._spool import Address, DropMark
from otto_logs._spool_state import NumberedRequest, pack_ordinals
from otto_logs._statistics import Problem, ProblemKind
from otto_logs._values import Level, Source

__all__ = ["SpoolWriter"]

_RETRY_SECONDS: Final = 1.0

_writers: "weakref.WeakSet[SpoolWriter]" = weakref.WeakSet()


class SpoolWriter:
    """Writes records to a log. Where that fails, it reports one problem, and tries again every second.

    Args:
        directory: of the log.
        log: the files.
        clock: ``time.monotonic``, and the same for tests.

    Attributes:
        problems: for the spool to report.
        is_closed: whether nothing is written any more, as in the child of a fork: the files are the parent's.
        is_failing: whether the directory could not be written.
        wall_offset: what makes a time of the clock one since the Unix epoch, in seconds.
    """

    def __init__(self, directory: Path, log: SegmentLog, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._log = log
        self._clock = clock
        self.wall_offset = time.time() - clock()
        self._addresses: dict[Address, int] = {}
        self._address_number = 0
        self._retry_at = -math.inf
        self.is_closed = False
        self.problems: list[Problem] = []
        self.is_failing = False
        _writers.add(self)

    def __repr__(self) -> str:
        return f"<SpoolWriter {self._directory}{' failing' if self.is_failing else ''}>"

    @property
    def is_pausing(self) -> bool:
        """Whether it has failed, and is not to be tried again yet."""
        return self.is_failing and self._clock() < self._retry_at

    def retry_now(self) -> None:
        """There may be room again."""
        self._retry_at = -math.inf

    def addresses(self) -> dict[int, Address]:
        """Those that this segment names, by their numbers."""
        return {number: address for address, number in self._addresses.items()}

    def is_writable(self) -> bool:
        """Whether there is a segment to write to, which is begun if it is needed."""
        if self.is_closed:
            return False
        if not self.is_failing and not self._log.needs_segment():
            return True
        if self.is_pausing:
            return False
        try:
            self._log.begin_segment()
        except OSError as error:
            self._fail(error)
            return False
        self._addresses.clear()
        self.is_failing = False
        return True

    def write_line(
        self,
        address: Address,
        message: bytes,
        time_unix_nano: int,
        level: Level,
        source: Source,
        metadata: Mapping[str, str] | None,
        now: float,
        positions: Mapping[str, object] | None,
    ) -> tuple[int, Place] | None:
        """A line as ``Spool.append_line`` takes it; its ordinal and place, None if it cannot be written."""
        if not self.is_writable() or not (number := self._address(address)):
            return None
        fields = b""
        if metadata or positions:
            content = {"m": metadata} if metadata else {}
            fields = _json(content | {"p": positions} if positions else content)
        accepted_at = now + self.wall_offset
        ordinal = self._log.next_ordinal
        return self._write(line_record(ordinal, time_unix_nano, accepted_at, level, source, number, fields, message))

    def write_item(self, item: bytes) -> tuple[int, Place] | None:
        """A request that is no line; as above."""
        if not self.is_writable():
            return None
        return self._write(frame(RecordKind.ITEM, self._log.next_ordinal.to_bytes(8, "little") + item))

    def write_numbered(self, request: NumberedRequest) -> None:
        """What a request contains, before it is sent for the first time."""
        if self._record(RecordKind.NUMBERED, _json(request.to_json())):
            try:
                self._log.sync()
            except OSError as error:
                self._fail(error)

    def write_acknowledged(self, number: int) -> None:
        """The requests up to this one are stored."""
        self._record(RecordKind.ACKNOWLEDGED, str(number).encode())

    def write_dropped(self, address: Address, ordinals: list[int], mark: DropMark) -> None:
        """These lines will not be sent."""
        self._record(RecordKind.DROPPED, _json([address, pack_ordinals(ordinals), asdict(mark)]))

    def write_kept(self, ordinal: int, item: bytes) -> bool:
        """A copy of an item, so that its segment is not needed; False if it cannot be written."""
        return self._record(RecordKind.KEPT, ordinal.to_bytes(8, "little") + item)

    def close(self) -> None:
        """Write nothing more; idempotent."""
        self.is_closed = True
        self._log.close()

    def _record(self, kind: RecordKind, body: bytes) -> bool:
        if not self.is_writable():
            return False
        try:
            self._log.append(frame(kind, body))
        except OSError as error:
            self._fail(error)
            return False
        return True

    def _write(self, record: bytes) -> tuple[int, Place] | None:
        ordinal, place = self._log.next_ordinal, self._log.end
        try:
            self._log.append_ordinal(record)
            self._log.sync()
        except OSError as error:
            self._fail(error)
            return (ordinal, place) if self._log.next_ordinal > ordinal else None
        return ordinal, place

    def _address(self, address: Address) -> int:
        """The number of an address in this segment; 0 if it cannot be written."""
        number = self._addresses.get(address)
        if number is None:
            self._address_number += 1
            if not self._record(RecordKind.ADDRESS, address_body(self._address_number, address)):
                return 0
            number = self._addresses[address] = self._address_number
        return number

    def _fail(self, error: OSError) -> None:
        self._log.end_segment()
        self._retry_at = self._clock() + _RETRY_SECONDS
        if not self.is_failing:
            self.is_failing = True
            text = f"the spool in {self._directory} cannot be written ({error.strerror}); until it can, new lines wait "
            self.problems.append(Problem(ProblemKind.UNWRITABLE, text + "in memory alone"))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _in_child() -> None:
    for writer in list(_writers):
        writer.close()


os.register_at_fork(after_in_child=_in_child)
