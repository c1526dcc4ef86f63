"""What the process ends with: the one list, also in the help of ``otto-gateway``."""

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """A code with its meaning."""

    OK = 0, "all is well"
    FAILED = 1, "it cannot start, or a check has failed"
    USAGE = 2, "the command line or a setting is wrong, or a check could not be made; starting again will not help"
    BROKEN = 3, "it had to stop by itself, or something was cut off when it stopped"
    FORCED = 130, "it was asked to stop a second time, and did so at once"

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "ExitCode":
        """A code that knows its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member
