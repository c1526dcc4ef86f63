"""Names of tasks, pipelines and workers."""

from typing import Final

__all__ = ["IDENTIFIER_BYTES_MAX", "IdentifierError", "check_identifier"]

IDENTIFIER_BYTES_MAX: Final = 256

_CONTROLS: Final = frozenset(map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0))))


class IdentifierError(ValueError):
    """A text that cannot name a task, a pipeline or a worker.

    Attributes:
        field: what it was meant to be, as the client wrote it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check_identifier(field: str, value: str) -> str:
    """Return ``value`` where it is an identifier: 1 to 256 bytes of UTF-8 without control characters.

    Raises:
        IdentifierError: it is not; the text says which rule it breaks.
    """
    if not value:
        raise IdentifierError(field, f"{field} must not be empty")
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        raise IdentifierError(field, f"{field} must be valid Unicode") from None
    if size > IDENTIFIER_BYTES_MAX:
        raise IdentifierError(field, f"{field} must have at most {IDENTIFIER_BYTES_MAX} bytes, not {size}")
    if not _CONTROLS.isdisjoint(value):
        raise IdentifierError(field, f"{field} must not contain control characters")
    return value
