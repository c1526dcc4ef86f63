"""When a schedule is due next: pure arithmetic on local times, given in UTC."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary

__all__ = ["next_due"]

_STEPS: Final = {
    "daily": lambda n: relativedelta(days=n),
    "weekly": lambda n: relativedelta(weeks=n),
    "monthly": lambda n: relativedelta(months=n),
}
_ABOUT_SECONDS: Final = {"daily": 86_400, "weekly": 7 * 86_400, "monthly": 31 * 86_400}


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
