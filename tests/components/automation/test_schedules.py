import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from components.automation.schedules import next_due, time_zone, utc_of


def _row(first: str, kind: str, zone: str) -> dict[str, Any]:
    return {
        "repeat_type": kind,
        "scheduled_time": datetime.fromisoformat(first),
        "next_run_at": None,
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


@pytest.mark.parametrize("config", [None, "{}", '{"timezone": "UTC"}'])
def test_a_schedule_without_a_time_counts_from_its_making(config: str | None) -> None:
    """And in UTC where it names no time zone."""
    made = datetime.fromisoformat("2027-03-27 08:00")
    row = {"repeat_type": "daily", "scheduled_time": None, "next_run_at": None, "created_at": made}
    row["repeat_config"] = config
    assert _dues({**row, "scheduled_time": made}, 2) == ["2027-03-28 08:00", "2027-03-29 08:00"]
    assert next_due(row, made) == datetime.fromisoformat("2027-03-28 08:00")


def test_the_first_due_time_is_the_schedules_own() -> None:
    """One that is added for later does not skip it."""
    row = _row("2027-05-02 10:00", "weekly", "UTC")
    assert next_due(row, datetime.fromisoformat("2027-05-01 10:00")) == row["scheduled_time"]


def test_what_does_not_repeat_is_never_due_again() -> None:
    """Whatever its time is."""
    assert next_due(_row("2027-05-02 10:00", "once", "UTC"), datetime.fromisoformat("2027-05-01 10:00")) is None


def test_no_due_time_is_skipped_over_a_change_of_clocks() -> None:
    """10:00 in Berlin is an hour later in UTC from October on: half an hour before it, it is still to come."""
    row = _row("2027-10-25 08:00", "daily", "Europe/Berlin")
    assert next_due(row, datetime.fromisoformat("2027-11-02 08:30")) == datetime.fromisoformat("2027-11-02 09:00")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time zone is not UTC."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_the_machines_time_zone_does_not_matter() -> None:
    """Times of the tables are in UTC wherever the gateway runs."""
    assert _dues(_row("2027-03-27 08:00", "daily", "Europe/Berlin"), 1) == ["2027-03-28 07:00"]
    assert utc_of("2027-01-31T13:45:00", time_zone("Asia/Seoul")) == datetime.fromisoformat("2027-01-31 04:45")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2027-01-31T13:45:00+09:00", "2027-01-31 04:45:00"),
        ("2027-01-31T13:45:00Z", "2027-01-31 13:45:00"),
        ("2027-01-31T13:45:00", "2027-01-31 12:45:00"),
        ("2027-07-31T13:45:00.999", "2027-07-31 11:45:00"),
        ("2027-03-28T02:30:00", "2027-03-28 01:30:00"),
        ("1970-01-02", "1970-01-01 23:00:00"),
        ("2100-12-31T23:59:59+00:00", "2100-12-31 23:59:59"),
    ],
)
def test_a_time_is_read_in_the_zone_that_it_has_or_is_given(text: str, utc: str) -> None:
    """In whole seconds; a local time that clocks leave out is that much later."""
    assert utc_of(text, time_zone("Europe/Berlin")) == datetime.fromisoformat(utc)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tomorrow", "give a time such as 2026-01-31T13:45:00+09:00"),
        ("1969-12-31T00:00:00", "give a time of the years 1970 to 2100"),
        ("2101-01-01T00:00:00", "give a time of the years 1970 to 2100"),
    ],
)
def test_what_is_no_time_is_refused_in_one_sentence(text: str, message: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError) as caught:
        utc_of(text, time_zone("UTC"))
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["Nowhere/At_All", "", "../zone", "/etc/localtime", "x" * 1000])
def test_what_is_no_time_zone_is_named(name: str) -> None:
    """As far as a message has room."""
    assert time_zone("Asia/Seoul").utcoffset(datetime(2027, 1, 1, tzinfo=UTC)) is not None
    with pytest.raises(ValueError) as caught:
        time_zone(name)
    assert str(caught.value) == f"{name[:64]!r} is no time zone: give a name such as Asia/Seoul"
