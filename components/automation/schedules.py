"""When a schedule is due next: pure arithmetic on local times, given in UTC."""

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary

from components.automation.json_objects import parse_object

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
    """The first due time after ``now``; None for a schedule that does not repeat.

    Counted from ``scheduled_time`` each time, so that a month without the 31st does not move the months after it, and
    late runs move nothing. A local time that a change of clocks leaves out is due that much later.

    Args:
        schedule: a row of ``task_schedules``, its times in UTC; ``repeat_config.timezone`` names the time zone.
        now: UTC, without a time zone.

    Raises:
        ValueError: ``repeat_config`` is no JSON object, or its time zone is none.
    """
    kind = schedule["repeat_type"]
    if kind not in _STEPS:
        return None
    first = schedule["scheduled_time"] or schedule["next_run_at"] or schedule["created_at"] or now
    zone = _zone_of(schedule["repeat_config"])
    local = first.replace(tzinfo=UTC).astimezone(zone)
    count = max(0, int((now - first).total_seconds() // _ABOUT_SECONDS[kind]) - 1)
    while True:
        due: datetime = resolve_imaginary(local + _STEPS[kind](count)).astimezone(UTC).replace(tzinfo=None)
        if due > now:
            return due
        count += 1


def _zone_of(repeat_config: object) -> ZoneInfo:
    config = parse_object(repeat_config or "{}")
    name = None if config is None else config.get("timezone", "UTC")
    if not isinstance(name, str):
        raise ValueError("task_schedules.repeat_config must be a JSON object, and its timezone a text")  # noqa: TRY004
    return time_zone(name)
