"""What lines of one kind have in common, so that a crash loop is one incident."""

import re
from typing import Final

from filters.level_detection import strip_ansi

__all__ = ["template_of"]

_CHARACTERS_MAX: Final = 200
_VARIES: Final = re.compile(
    r"0x[0-9a-fA-F]+|(?<![A-Za-z])(?=[0-9a-fA-F-]*\d)[0-9a-fA-F]{8}[0-9a-fA-F-]*|\"[^\"]*\"|'[^']*'|\d+"
)


def template_of(message: str) -> str:
    """A line without numbers, hashes, addresses and quoted texts; the same for the same line at any time."""
    template = _VARIES.sub("*", strip_ansi(message[: 2 * _CHARACTERS_MAX]))[:_CHARACTERS_MAX].strip()
    return template.replace("\0", "\ufffd")  # which PostgreSQL stores in no text
