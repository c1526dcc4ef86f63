"""The filter: seven fields, AND between them, OR inside one; and an expression."""

import msgspec

__all__ = ["EVERYTHING", "FilterError", "LogFilter"]


class FilterError(ValueError):
    """A filter that names something unknown or malformed.

    Attributes:
        field: the parameter or JSON field that is wrong, as the client wrote it.
        position: of the character in it that is wrong, from 1; None: the whole value is.
    """

    def __init__(self, field: str, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.position = position


class LogFilter(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A filter in canonical form: tuples sorted and without repeats, keywords case-folded, times as entries have them.

    ``levels`` are in the order of severity; all of them, as all of the sources, are the same as none. A keyword is in a
    message where its Unicode case folding is in the message's: ``STRASSE`` and ``straße`` find each other;
    ``ı`` finds only itself, and ``İ`` folds to ``i`` with a dot above it. Texts are not normalised, so that a keyword
    finds what a search for its characters finds: ``é`` does not find ``e`` with a combining accent.

    Two filters that select the same by their fields are equal and have the same hash, so they share a channel. An empty
    tuple or text means that the field is not restricted. ``start_time`` and ``end_time`` are inclusive. ``expression``
    is the canonical text of what the other fields cannot say (see ``filters.expressions``).
    """

    levels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    start_time: str = ""
    end_time: str = ""
    worker_ids: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()
    expression: str = ""


EVERYTHING = LogFilter()
"""The filter that every entry passes."""
