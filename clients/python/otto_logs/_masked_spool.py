"""A spool in front of which secrets are masked, so that none of them comes to the disk."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

from otto.logs.v1 import logs_pb2

from otto_logs._memory_spool import line_bytes
from otto_logs._needles import Needles
from otto_logs._spool import Address, FlushMarker, Spool, SpoolUnwritableError
from otto_logs._stream_mask import MaskedLine, StreamMask
from otto_logs._values import Level, Source

__all__ = ["MaskedSpool", "masked_spool"]

_HOLD_SECONDS: Final = 0.05
"""How long a line waits for the next one where a secret may have begun at its end."""
_WORKERS_MAX: Final = 10_000


class _Line(NamedTuple):
    address: Address
    time_unix_nano: int
    level: Level
    source: Source
    metadata: Mapping[str, str] | None
    now: float
    positions: Mapping[str, object] | None


class MaskedSpool:
    """What ``Spool`` says, for another spool; lines come to that one masked, and some of them a moment later.

    Not locked, as any spool: its caller holds the outbox's lock.

    Args:
        spool: the one that keeps them.
        work: the condition of that lock for which the sender waits.
    """

    def __init__(self, spool: Spool, work: threading.Condition) -> None:
        self._spool = spool
        self._work = work
        self._secrets: dict[str, None] = {}
        self._needles: Needles | None = None
        self._streams: dict[Address, StreamMask[_Line]] = {}
        self._held: dict[MaskedLine[_Line], int] = {}
        self._held_bytes = 0
        self._ready: deque[MaskedLine[_Line]] = deque()
        self._is_timed = False

    def __repr__(self) -> str:
        return f"<MaskedSpool secrets={len(self._secrets)} held={len(self._held)} {self._spool!r}>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spool, name)

    def mask(self, secrets: Iterable[str]) -> None:
        """Mask these as well, in what comes from now on."""
        before = len(self._secrets)
        self._secrets |= dict.fromkeys(secrets)
        if len(self._secrets) > before:
            self._needles = Needles(self._secrets)
            for stream in self._streams.values():
                stream.set_needles(self._needles)

    @property
    def lines_waiting(self) -> int:
        return self._spool.lines_waiting + len(self._held)

    @property
    def is_empty(self) -> bool:
        return not self._held and self._spool.is_empty

    def has_room(self, size: int) -> bool:
        return self._spool.has_room(size + self._held_bytes)

    def drop_oldest(self, size: int) -> int:
        return self._spool.drop_oldest(size + self._held_bytes)

    def append_line(
        self,
        address: Address,
        message: bytes,
        time_unix_nano: int,
        level: Level,
        source: Source,
        metadata: Mapping[str, str] | None,
        now: float,
        positions: Mapping[str, object] | None = None,
    ) -> None:
        needles = self._needles
        if needles is None:
            self._spool.append_line(address, message, time_unix_nano, level, source, metadata, now, positions)
            return
        self._pass_on()  # or this line would be refused after it was read
        if metadata:
            metadata = {key: needles.masked(value)[0] for key, value in metadata.items()}
        item = _Line(address, time_unix_nano, level, source, metadata, now, positions)
        line = MaskedLine(item, source.name, message.decode("utf-8", "surrogateescape"))
        self._held[line] = size = line_bytes(message, metadata)
        self._held_bytes += size
        self._ready += self._stream(address, needles).feed([line])
        self._try_to_pass_on()

    def append_item(self, request: logs_pb2.PublishRequest) -> None:
        self._release(lambda _: True)
        if self._needles is not None:
            _mask_item(request, self._needles)
        self._spool.append_item(request)

    def append_barrier(self) -> FlushMarker:
        self._release(lambda _: True)
        return self._spool.append_barrier()

    def close(self) -> None:
        self._release(lambda _: True)
        self._spool.close()

    def _release_due(self) -> None:
        """Pass on what has waited for long enough; on the timer's thread."""
        with self._work:
            self._is_timed = False
            before = time.monotonic() - _HOLD_SECONDS
            self._release(lambda line: line.item.now <= before)
            self._work.notify()

    def _release(self, is_due: Callable[[MaskedLine[_Line]], bool]) -> None:
        due = {line.item.address for line in self._held if is_due(line)}
        for address in due:
            self._ready += self._streams[address].release()
        self._try_to_pass_on()

    def _stream(self, address: Address, needles: Needles) -> StreamMask[_Line]:
        stream = self._streams.get(address)
        if stream is None:
            if len(self._streams) >= _WORKERS_MAX:
                self._streams = {each: held for each, held in self._streams.items() if held.oldest_held}
            stream = self._streams[address] = StreamMask(needles)
        return stream

    def _try_to_pass_on(self) -> None:
        with contextlib.suppress(SpoolUnwritableError):  # it is tried again with the next line, or by the timer
            self._pass_on()
        if self._held and not self._is_timed:
            self._is_timed = True
            timer = threading.Timer(_HOLD_SECONDS, self._release_due)
            timer.daemon = True
            timer.start()

    def _pass_on(self) -> None:
        """Give the spool what is masked.

        Raises:
            SpoolUnwritableError: it takes nothing now.
        """
        while self._ready:
            line = self._ready[0]
            address, time_unix_nano, level, source, metadata, now, positions = line.item
            message = line.text.encode("utf-8", "surrogateescape")
            self._spool.append_line(address, message, time_unix_nano, level, source, metadata, now, positions)
            self._ready.popleft()
            self._held_bytes -= self._held.pop(line)


def masked_spool(spool: Spool, secrets: Iterable[str], work: threading.Condition) -> Spool:
    """A spool in front of which these secrets are masked as well: the one that was given, if it masks already."""
    masked: MaskedSpool = spool if isinstance(spool, MaskedSpool) else MaskedSpool(spool, work)
    masked.mask(secrets)
    return cast(Spool, masked)


def _mask_item(request: logs_pb2.PublishRequest, needles: Needles) -> None:
    item = getattr(request, request.WhichOneof("item") or "", None)
    for name in ("reason", "message", "error_message"):
        text = getattr(item, name, "")
        if text:
            setattr(item, name, needles.masked(text)[0])
    metadata = getattr(item, "metadata", {})
    for key in list(metadata):
        metadata[key] = needles.masked(metadata[key])[0]
