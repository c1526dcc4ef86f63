"""A program's output, in pieces of any size, as lines."""

from typing import Final, NamedTuple

__all__ = ["LineSplitter", "OutputLine"]

_LINE_BYTES_MAX: Final = 256 * 1024
_PROGRESS_SECONDS: Final = 1.0


class OutputLine(NamedTuple):
    """One line without its end; ``original_bytes`` is its size before it was cut, 0 if it was not."""

    text: bytes
    original_bytes: int = 0

    @property
    def metadata(self) -> dict[str, str] | None:
        """What an entry says of its line beside the text."""
        return {"originalBytes": str(self.original_bytes)} if self.original_bytes else None


class LineSplitter:
    r"""Splits at line feeds, and shows what a terminal would show of a line that was written over.

    Progress bars write a line again and again with ``\r`` in between. Of such a line the last state counts; while it is
    not finished, its present state is given out at most every ``progress_seconds``.

    Args:
        line_bytes_max: what is kept of one line; the rest is counted and dropped.
        progress_seconds: see above; None: never.
    """

    def __init__(
        self, *, line_bytes_max: int = _LINE_BYTES_MAX, progress_seconds: float | None = _PROGRESS_SECONDS
    ) -> None:
        self._bytes_max = line_bytes_max
        self._progress_seconds = progress_seconds
        self._rest = b""
        self._cut_bytes = 0
        self._state = b""
        self._state_given_at = float("-inf")
        self._is_given = False

    def __repr__(self) -> str:
        return f"<LineSplitter rest={len(self._rest)} bytes>"

    def feed(self, data: bytes, now: float) -> list[OutputLine]:
        """Take output; the lines that are complete by now."""
        *ended, rest = data.split(b"\n")
        lines: list[OutputLine] = []
        for part in ended:
            if self._rest or self._state or self._is_given or self._cut_bytes or b"\r" in part:
                lines += self._finish(part)
            elif len(part) > self._bytes_max:
                lines.append(OutputLine(part[: self._bytes_max], len(part)))
            else:
                lines.append(OutputLine(part))
        self._add(rest)
        pause = self._progress_seconds
        if self._state and pause is not None and now - self._state_given_at >= pause:
            lines.append(OutputLine(self._state))
            self._state, self._state_given_at, self._is_given = b"", now, True
        return lines

    def end(self) -> list[OutputLine]:
        """The output has ended; the line that had no end."""
        return self._finish(b"") if self._rest or self._state else []

    def _add(self, part: bytes) -> None:
        """Add to the unfinished line; what it overwrites is only remembered as its state."""
        if b"\r" in part:
            overwritten, _, part = (self._rest + part).rpartition(b"\r")
            self._rest, self._cut_bytes = b"", 0
            self._state = _last_state(overwritten)[: self._bytes_max] or self._state
        room = self._bytes_max - len(self._rest)
        self._rest += part[:room]
        self._cut_bytes += max(0, len(part) - room)

    def _finish(self, part: bytes) -> list[OutputLine]:
        self._add(part)
        text = self._rest or self._state
        given, cut = self._is_given, self._cut_bytes
        self._rest, self._state, self._is_given, self._cut_bytes = b"", b"", False, 0
        if not text and given:
            return []
        return [OutputLine(text, len(text) + cut if cut else 0)]


def _last_state(overwritten: bytes) -> bytes:
    """The last text that was written before a return, blank ones (which erase) aside."""
    for state in reversed(overwritten.split(b"\r")):
        if state.strip():
            return state
    return b""
