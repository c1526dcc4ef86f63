"""Maintenance windows: when they are open, and what is said of those that cannot be used."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from components.alerts.book import read_rules
from components.alerts.maintenance import WindowError, window_from, windows_from

WEEKLY = {"days": ["sat", "sun"], "from": "22:00", "to": "02:00", "time_zone": "Europe/Berlin"}


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-01-03T21:59:59+01:00", False),  # a Saturday
        ("2026-01-03T22:00:00+01:00", True),
        ("2026-01-04T01:59:00+01:00", True),
        ("2026-01-04T02:00:00+01:00", False),
        ("2026-01-05T01:00:00+01:00", True),  # Sunday's, on Monday
        ("2026-01-05T22:00:00+01:00", False),
        ("2026-07-04T22:00:00+02:00", True),  # by its clocks, in summer too
        ("2026-03-29T00:30:00Z", True),
        ("2026-03-29T01:00:00Z", False),  # 02:00 does not exist that night, it is 03:00
    ],
)
def test_a_weekly_window_goes_by_the_clocks_of_its_zone(moment: str, is_open: bool) -> None:
    """Over midnight it belongs to the day on which it begins."""
    assert window_from({"name": "night", "weekly": WEEKLY}).is_active(at(moment)) is is_open


def test_windows_are_read_with_rules(tmp_path: Path) -> None:
    """As YAML writes them: times of day without quotes, moments with a zone."""
    path = tmp_path / "rules.yaml"
    path.write_text(
        """
rules: []
maintenance:
  - {name: daily, weekly: {from: 22:00, to: 06:00}, rules: [oom, "red*"]}
  - {name: move, from: 2026-01-01T20:00:00+09:00, to: 2026-01-01T22:00:00+09:00, tasks: build-*}
"""
    )
    _, (daily, move) = read_rules(path, ())
    assert daily.weekly_text == "daily 22:00 to 06:00 UTC"
    assert (move.end - move.start, move.is_active(at("2026-01-01T12:00:00Z"))) == (7200, True)
    assert (daily.covers("red-1", "any"), daily.covers("blue", "any"), move.covers("any", "test-1")) == (
        True,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Big"}, "`name` is 1 to 100 lower-case"),
        ({"weekly": None}, "write `from` and `to`"),
        ({"from": "2026-01-01T20:00:00Z"}, "within `weekly`, or without"),
        ({"weekly": WEEKLY | {"time_zone": "Mars/Olympus"}}, "`time_zone` is 'Mars/Olympus': write one like Europe"),
        ({"weekly": WEEKLY | {"time_zone": "../../etc/passwd"}}, "`time_zone` is"),
        ({"weekly": WEEKLY | {"from": "25:00"}}, "`from` is '25:00': write a time of day"),
        ({"weekly": WEEKLY | {"to": 1440}}, "`to` is '1440'"),
        ({"weekly": WEEKLY | {"days": ["someday"]}}, "`days` is a list of mon, tue"),
        ({"weekly": WEEKLY | {"days": []}}, "`days` is a list"),
        ({"weekly": None, "from": "2026-01-01T20:00:00", "to": "2026-01-01T22:00:00Z"}, "`from` has no time zone"),
        ({"weekly": None, "from": "soon", "to": "2026-01-01T22:00:00Z"}, "`from` is 'soon': write a time like"),
        ({"weekly": None, "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T22:00:00Z"}, "`to` is after `from`"),
        ({"rules": []}, "`rules` is a pattern"),
        ({"color": "red"}, "color"),
    ],
)
def test_what_is_wrong_with_a_window_is_said(change: dict[str, Any], said: str) -> None:
    """With its name and what would be right."""
    with pytest.raises(WindowError) as raised:
        windows_from([{"name": "night", "weekly": WEEKLY} | change])
    assert said in str(raised.value)
    assert str(raised.value).startswith("maintenance ")
