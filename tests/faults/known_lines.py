"""Lines that are known by their number: what a worker says can be worked out by anyone who checks it."""

import zlib

from tests.support.build_output import OutputLine

__all__ = ["known_line", "number_of"]

_WORDS = ("import", "Error", "alloc", "init", "module", "type", "mutex", "뮤텍스", "link", "strip", "WARNING", "cc1")
_LEVELS = ("INFO", "INFO", "INFO", "INFO", "WARN", "DEBUG", "INFO", "ERROR")


def known_line(worker_id: str, number: int) -> OutputLine:
    """The line ``number`` of a worker, counted from 1."""
    chance = zlib.crc32(f"{worker_id}/{number}".encode())
    words = [_WORDS[(chance >> shift) % len(_WORDS)] for shift in (0, 5, 11)]
    padding = "." * (chance % 120 if chance % 50 else 3_000)
    source = "stderr" if chance % 5 == 0 else "stdout"
    return OutputLine(f"{worker_id} {number:07d} {' '.join(words)} {padding}", _LEVELS[(chance >> 17) % 8], source)


def number_of(message: str) -> int:
    """The number in a message; 0 if it is none of ours, or was altered."""
    worker_id, _, rest = message.partition(" ")
    digits = rest[:7]
    if not digits.isdigit() or known_line(worker_id, int(digits)).message != message:
        return 0
    return int(digits)
