"""stdout for people and programs: what a log line holds cannot move a terminal's cursor, set its title or clipboard."""

import re
import sys
from typing import Final

__all__ = ["Output", "printable"]

_COLOUR: Final = re.compile(r"(\x1b\[[0-9;:]*m)")
_RESET: Final = "\x1b[0m"
_PICTURES: Final = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}
_JSON_ESCAPES: Final = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""JSON escapes C0 anyway; C1 may stand in it as it is, and some terminals obey it."""


def printable(text: str, *, colour: bool = False) -> str:
    """Text in which every control character but line feed and tab is a picture; colours stay only with ``colour``."""
    parts = _COLOUR.split(text)
    parts[::2] = [part.translate(_PICTURES) for part in parts[::2]]
    if not colour:
        return "".join(parts[::2])
    return "".join(parts) + (_RESET if len(parts) > 1 else "")


class Output:
    """Writes to stdout at once.

    Args:
        colour: colours are wanted; text is sanitised then, also where stdout is no terminal, for it may go to one.
        raw: the user wants messages as they are, whatever is in them.
    """

    def __init__(self, *, colour: bool = False, raw: bool = False) -> None:
        self.colour = colour
        self._is_sanitised = not raw and (colour or sys.stdout.isatty())

    def __repr__(self) -> str:
        return f"<Output colour={self.colour} sanitised={self._is_sanitised}>"

    def write(self, text: str) -> None:
        """Write text of one line or several, and a line feed."""
        if self._is_sanitised:
            text = "\n".join(printable(line, colour=self.colour) for line in text.split("\n"))
        output = sys.stdout.buffer
        output.write(text.encode("utf-8", "surrogatepass") + b"\n")
        output.flush()

    def write_json(self, text: str) -> None:
        """Write JSON that the gateway has sent, on one line."""
        self.write(text.translate(_JSON_ESCAPES))
