"""Times as entries have them: RFC 3339 in UTC, nine fractional digits, ``Z``; text order is time order."""

import re
import time
from datetime import datetime, timedelta
from typing import Final

__all__ = ["from_nanos", "from_rfc3339", "now"]

_NANOS: Final = 1_000_000_000
_LATEST: Final = 253_402_300_800 * _NANOS  # the year 10000
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:)([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:([Zz])|([-+ ])([01][0-9]|2[0-3]):?([0-5][0-9]))\Z",  # a blank is a plus sign that a query string has decoded
    re.ASCII,
)

_cached: tuple[int, str] = (0, "1970-01-01T00:00:00.")
"""The last second that was formatted, in nanoseconds; one object, so that threads never see half of a change."""


def from_nanos(nanos: int) -> str:
    """Nanoseconds since the Unix epoch as text.

    Raises:
        ValueError: the time is before 1970 or beyond the year 9999.
    """
    global _cached
    start, text = _cached
    fraction = nanos - start
    if not 0 <= fraction < _NANOS:
        if not 0 <= nanos < _LATEST:
            raise ValueError(f"{nanos} is not a time in nanoseconds between 1970 and 9999")
        second, fraction = divmod(nanos, _NANOS)
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        _cached = (second * _NANOS, text)
    return text + str(_NANOS + fraction)[1:] + "Z"  # a third of what a format specification costs


def from_rfc3339(text: str) -> str:
    """An RFC 3339 time in any offset, in canonical form; digits beyond nanoseconds are cut.

    Raises:
        ValueError: the text is no such time.
    """
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError(f"{text[:64]!r} is not a time as RFC 3339 writes it, like 2026-01-31T13:45:00Z")
    day, minute, second, fraction, utc, sign, hours, minutes = match.groups()
    leap = second == "60"  # a leap second becomes the last moment that a clock without them shows
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}{'59' if leap else second}")
        if not utc:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment + offset if sign == "-" else moment - offset
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:64]!r} is not a valid time") from None
    digits = "999999999" if leap else (fraction or "")[:9].ljust(9, "0")
    return f"{moment.isoformat()}.{digits}Z"


def now() -> str:
    """The present time."""
    return from_nanos(time.time_ns())
