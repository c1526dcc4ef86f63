"""What requests for the past may use."""

from dataclasses import dataclass

__all__ = ["HistoryLimits"]


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """Limits of one request.

    Attributes:
        lines_max: entries of one page.
        bytes_max: bytes of one page's entries, or of one search's hits; with less than it was asked for, an answer
            says that there is more.
        seconds_max: how long a page, a count or a search may look for lines; what it has found by then is the answer.
        hits_max: hits of one search.
        matches_max: sequences of one answer.
        scans_max: counts, searches and downloads of one principal at once; the next is refused.
    """

    lines_max: int = 10_000
    bytes_max: int = 8 << 20
    seconds_max: float = 30.0
    hits_max: int = 1000
    matches_max: int = 100_000
    scans_max: int = 16
