import json
from datetime import datetime
from typing import Any

from components.automation.schedules import next_due


def _row(first: str, kind: str, zone: str) -> dict[str, Any]:
    return {
        "repeat_type": kind,
        "scheduled_time": datetime.fromisoformat(first),
        "created_at": None,
        "repeat_config": json.dumps({"timezone": zone}),
    }


def _dues(row: dict[str, Any], count: int) -> list[str]:
    now, found = row["scheduled_time"], []
    for _ in range(count):
        now = next_due(row, now)
        found.append(now.isoformat(" ", "minutes"))
    return found


def test_a_month_without_the_day_uses_its_last_and_the_next_returns() -> None:
    """The 31st is the 28th in February and the 31st again in March."""
    row = _row("2027-01-31 03:00", "monthly", "Asia/Seoul")
    assert _dues(row, 3) == ["2027-02-28 03:00", "2027-03-31 03:00", "2027-04-30 03:00"]


def test_a_leap_february_has_its_29th() -> None:
    """In 2028 the last day of February is the 29th."""
    assert _dues(_row("2028-01-31 03:00", "monthly", "UTC"), 1) == ["2028-02-29 03:00"]


def test_local_time_stays_over_a_change_of_clocks() -> None:
    """09:00 in Berlin is 08:00 UTC in winter and 07:00 UTC in summer."""
    row = _row("2027-03-27 08:00", "daily", "Europe/Berlin")
    assert _dues(row, 2) == ["2027-03-28 07:00", "2027-03-29 07:00"]


def test_a_local_time_that_is_left_out_is_due_that_much_later() -> None:
    """02:30 does not exist on the day that clocks go forward; it is run at 03:30, and at 02:30 the day after."""
    row = _row("2027-03-27 01:30", "daily", "Europe/Berlin")
    assert _dues(row, 2) == ["2027-03-28 01:30", "2027-03-29 00:30"]


def test_late_runs_are_one_and_the_next_is_in_the_future() -> None:
    """After five missed days the next due time is the first one in the future."""
    row = _row("2027-05-01 10:00", "daily", "UTC")
    assert next_due(row, datetime(2027, 5, 6, 11, 0)) == datetime(2027, 5, 7, 10, 0)  # noqa: DTZ001
