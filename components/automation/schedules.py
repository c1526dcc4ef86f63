"""When a schedule is due next: pure arithmetic on local times, given in UTC."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary

__all__ = ["next_due", "time_zone", "utc_of"]

_STEPS: Final = {
    "daily": lambda n: relativedelta(days=n),
    "weekly": lambda n: relativedelta(weeks=n),
    "monthly": lambda n: relativedelta(months=n),
}
_ABOUT_SECONDS: Final = {"daily": 86_400, "weekly": 7 * 86_400, "monthly": 31 * 86_400}
_YEARS: Final = range(1970, 2101)


def time_zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name[:64]!r} is no time zone: give a name such as Asia/Seoul") from None


def utc_of(text: str, zone: ZoneInfo) -> datetime:
    """A time of RFC 3339 in UTC, without a time zone; one without an offset is local in ``zone``.

    Raises:
        ValueError: it is none, or not of the years 1970 to 2100.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("give a time such as 2026-01-31T13:45:00+09:00") from None
    if moment.year not in _YEARS:
        raise ValueError("give a time of the years 1970 to 2100")
    if moment.tzinfo is None:
        moment = resolve_imaginary(moment.replace(tzinfo=zone))
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def next_due(schedule: dict[str, Any], now: datetime) -> datetime | None:
    """The first due time behind ``now``; None for a schedule that does not repeat.

    Counted from ``scheduled_time`` each time, so that a month without the 31st does not move the months behind it, and
    late runs move nothing. A local time that a change of clocks leaves out is due that much later.

    Args:
        schedule: a row of ``task_schedules``, its times in UTC; ``repeat_config.timezone`` names the time zone.
        now: UTC, without a time zone.
    """
    kind, first = schedule["repeat_type"], schedule["scheduled_time"] or schedule["created_at"]
    if kind not in _STEPS:
        return None
    zone = ZoneInfo(json.loads(schedule["repeat_config"] or "{}").get("timezone", "UTC"))
    local = first.replace(tzinfo=UTC).astimezone(zone)
    count = max(0, int((now - first).total_seconds() // _ABOUT_SECONDS[kind]) - 1)
    while True:
        due: datetime = resolve_imaginary(local + _STEPS[kind](count)).astimezone(UTC).replace(tzinfo=None)
        if due > now:
            return due
        count += 1
