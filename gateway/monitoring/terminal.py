"""Text for terminals: what peers have sent cannot move the cursor, or set the title or the clipboard."""

import os
import sys
from typing import Final

__all__ = ["open_closed_streams", "printable"]

_PICTURES: Final = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}


def printable(text: str) -> str:
    """The text, with a visible symbol for every control character except tab and line feed."""
    return text.translate(_PICTURES)


def open_closed_streams() -> None:
    """Open the null device for a stdin, stdout or stderr that the caller has closed; Python has None for it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
