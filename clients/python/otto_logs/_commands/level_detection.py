"""The level of a line of a program that knows of no levels, by the words at its beginning."""

import re
from typing import Final

from otto_logs._values import Level

__all__ = ["guess_level"]

_HEAD_BYTES: Final = 160
_WORD: Final = re.compile(
    rb"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|FAILED)\b"  # as loggers write them
    rb"|(?:^|[\s:\])])(?i:(fatal|error|warning|warn|debug|info)(?: [a-z]+)?(?:\[[^\]]*\])?:)"  # as compilers do
    rb"|^(Traceback \(most recent call last\):)"
)
_LEVELS: Final = {
    b"TRACE": Level.TRACE,
    b"DEBUG": Level.DEBUG,
    b"INFO": Level.INFO,
    b"NOTICE": Level.INFO,
    b"WARN": Level.WARN,
    b"WARNING": Level.WARN,
    b"ERROR": Level.ERROR,
    b"FAILED": Level.ERROR,
    b"FATAL": Level.FATAL,
    b"CRITICAL": Level.FATAL,
}


def guess_level(text: bytes) -> Level:
    """The level; INFO if nothing says otherwise."""
    match = _WORD.search(text, 0, _HEAD_BYTES)
    if match is None:
        return Level.INFO
    return _LEVELS.get((match[1] or match[2] or b"ERROR").upper(), Level.ERROR)
