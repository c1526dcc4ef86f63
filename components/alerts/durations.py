"""Durations as people write them: `90s`, `15m`, `2h`, `7d`."""

import re
from typing import Final

__all__ = ["duration_seconds", "duration_text"]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM: Final = re.compile(r"([0-9]{1,6})\s*([smhd])", re.ASCII)


def duration_seconds(text: str) -> float:
    """The seconds of a duration.

    Raises:
        ValueError: it is none; the text says what would be one.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise ValueError(f"{text[:40]!r} is no duration: write 90s, 15m, 2h or 7d")
    return float(int(match[1]) * _UNITS[match[2]])


def duration_text(seconds: float) -> str:
    """A duration as it would be written, in the largest unit that is not less than 1."""
    for unit, size in reversed(_UNITS.items()):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return "0s"
