"""Maintenance windows, once or weekly. Incidents are counted in them, but no notification is sent."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from components.alerts.names import NAME, NAME_RULE

__all__ = ["WINDOWS_MAX", "Window", "WindowDocument", "WindowError", "window_from", "windows_from"]

WINDOWS_MAX: Final = 1_000
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DAY_MINUTES: Final = 24 * 60
_SECONDS_MAX: Final = 366 * 86_400


class WindowError(ValueError):
    """A window that cannot be used; the text begins with its place and says what would be right."""


class WeeklyDocument(msgspec.Struct, forbid_unknown_fields=True):
    """A time of the week, as it is written. YAML 1.1 reads 22:00 without quotes as 1,320, which is the minute."""

    from_: str | int = msgspec.field(name="from")
    to: str | int
    days: list[str] = msgspec.field(default_factory=lambda: list(_DAYS))
    time_zone: str = "UTC"


class WindowDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A window as it is written: ``from`` and ``to``, or ``weekly``."""

    name: str
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    weekly: WeeklyDocument | None = None
    rules: str | list[str] = "*"
    tasks: str | list[str] = "*"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window that is ready to be used.

    Attributes:
        start: Unix seconds of one that is once; ``end`` likewise.
        days: of the week at which one that comes every week begins, 0 is Monday.
        from_minute: of the day, by the clocks of ``zone``; ``to_minute`` likewise, on the next day if it is not
            later.
        source: ``file``, or who has stored it.
    """

    name: str
    rules: tuple[str, ...]
    tasks: tuple[str, ...]
    start: float = 0.0
    end: float = 0.0
    days: frozenset[int] = frozenset()
    from_minute: int = 0
    to_minute: int = 0
    zone: ZoneInfo | None = None
    description: str = ""
    source: str = "file"

    @property
    def weekly_text(self) -> str | None:
        """When it comes every week; None: it is once."""
        if self.zone is None:
            return None
        days = "daily" if len(self.days) == len(_DAYS) else ", ".join(_DAYS[day] for day in sorted(self.days))
        times = (f"{minute // 60:02}:{minute % 60:02}" for minute in (self.from_minute, self.to_minute))
        return f"{days} {' to '.join(times)} {self.zone.key}"

    def covers(self, rule: str, subject: str) -> bool:
        """Whether it is about a rule and a task, or what else an incident is about."""
        return any(fnmatchcase(rule, each) for each in self.rules) and any(
            fnmatchcase(subject, each) for each in self.tasks
        )

    def is_active(self, now: float) -> bool:
        """Whether it is that time. Clocks that are set forward or back make a weekly one shorter or longer."""
        if self.zone is None:
            return self.start <= now < self.end
        local = datetime.fromtimestamp(now, self.zone)
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.from_minute < self.to_minute:
            return today in self.days and self.from_minute <= minute < self.to_minute
        begun_today = today in self.days and minute >= self.from_minute
        return begun_today or ((today - 1) % 7 in self.days and minute < self.to_minute)


def windows_from(written: object, *, place: str = "maintenance") -> list[Window]:
    """The windows of a list.

    Raises:
        WindowError: one cannot be used.
    """
    if written is None:
        return []
    if not isinstance(written, list) or len(written) > WINDOWS_MAX:
        raise WindowError(f"{place}: write a list of at most {WINDOWS_MAX:,} windows under `maintenance:`")
    windows: dict[str, Window] = {}
    for number, each in enumerate(written, 1):
        name = each.get("name", number) if isinstance(each, dict) else number
        window = window_from(each, place=f"maintenance {name}")
        if window.name in windows:
            raise WindowError(f"maintenance {name}: there is another window of this name")
        windows[window.name] = window
    return list(windows.values())


def window_from(written: object, *, place: str = "maintenance", source: str = "file") -> Window:
    """A window from its document.

    Raises:
        WindowError: it cannot be used.
    """
    try:
        if isinstance(written, dict):  # YAML has times of its own
            written = {name: each.isoformat() if isinstance(each, date) else each for name, each in written.items()}
        document = msgspec.convert(written, WindowDocument)
        return _made(document, source)
    except (msgspec.ValidationError, ValueError) as error:
        raise WindowError(f"{place}: {error}") from error


def _made(document: WindowDocument, source: str) -> Window:
    if not NAME.fullmatch(document.name):
        raise ValueError(f"`name` is {NAME_RULE}")
    common: dict[str, Any] = {
        "name": document.name,
        "rules": _patterns("rules", document.rules),
        "tasks": _patterns("tasks", document.tasks),
        "description": document.description[:1000],
        "source": source,
    }
    if document.weekly is not None:
        if document.from_ is not None or document.to is not None:
            raise ValueError("write `from` and `to` within `weekly`, or without `weekly`")
        return _weekly(document.weekly, common)
    if document.from_ is None or document.to is None:
        raise ValueError("write `from` and `to`, as 2026-01-01T20:00:00Z, or `weekly`")
    start, end = _moment("from", document.from_), _moment("to", document.to)
    if not 0 < end - start <= _SECONDS_MAX:
        raise ValueError("`to` is after `from`, and at most a year")
    return Window(**common, start=start, end=end)


def _weekly(document: WeeklyDocument, common: dict[str, Any]) -> Window:
    try:
        zone = ZoneInfo(document.time_zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"`time_zone` is {document.time_zone[:40]!r}: write one like Europe/Berlin or UTC") from None
    days = [day.lower()[:3] for day in document.days]
    if not days or not set(days) <= set(_DAYS):
        raise ValueError(f"`days` is a list of {', '.join(_DAYS)}")
    return Window(
        **common,
        days=frozenset(map(_DAYS.index, days)),
        from_minute=_minute("from", document.from_),
        to_minute=_minute("to", document.to),
        zone=zone,
    )


def _patterns(name: str, written: str | list[str]) -> tuple[str, ...]:
    patterns = (written,) if isinstance(written, str) else tuple(written)
    if not 1 <= len(patterns) <= 100 or not all(patterns):
        raise ValueError(f"`{name}` is a pattern like build-*, or a list of 1 to 100")
    return patterns


def _moment(name: str, written: str) -> float:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f"`{name}` is {written[:40]!r}: write a time like 2026-01-01T20:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"`{name}` has no time zone: write 2026-01-01T20:00:00Z, or +09:00 in place of Z")
    return (moment - datetime.fromtimestamp(0, UTC)) / timedelta(seconds=1)


def _minute(name: str, written: str | int) -> int:
    if isinstance(written, int):
        if 0 <= written < _DAY_MINUTES:
            return written
    elif match := _TIME.fullmatch(written.strip()):
        return int(match[1]) * 60 + int(match[2])
    raise ValueError(f'`{name}` is {str(written)[:40]!r}: write a time of day, as "22:00"')
