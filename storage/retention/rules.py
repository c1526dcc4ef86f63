"""Rules of retention, as they are written in settings: ``nightly-*=3d,release-*=365d,golden=keep``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["KEEP", "RetentionRule", "parse_rules"]

KEEP: Final = "keep"

_DURATION: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(d|h|m)\Z", re.ASCII)
_SECONDS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long the lines of the tasks that a pattern covers are kept.

    Attributes:
        pattern: the whole name, in which ``*`` stands for any text and ``?`` for any one character; case counts.
        seconds: None keeps them, whatever the other settings say.
        text: the rule as it was written.
    """

    pattern: str
    seconds: float | None
    text: str
    _expression: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Runs of stars are one: nested ones would cost more than the name's length.
        parts = re.split(r"(\*+|\?)", self.pattern)
        expression = "".join(".*" if part[:1] == "*" else "." if part == "?" else re.escape(part) for part in parts)
        object.__setattr__(self, "_expression", re.compile(expression + r"\Z", re.DOTALL))

    def __str__(self) -> str:
        return self.text

    def covers(self, task_id: str) -> bool:
        """Whether the rule is about this task."""
        return self._expression.match(task_id) is not None

    @property
    def glob(self) -> str:
        """The pattern as SQLite's ``GLOB`` reads it, to which brackets mean something as well."""
        return self.pattern.replace("[", "[[]")


def parse_rules(text: str | Iterable[str]) -> tuple[RetentionRule, ...]:
    """Read rules, separated by commas; the first one that covers a task counts.

    Raises:
        ValueError: one is wrong; the text quotes it and says what would be right.
    """
    items = text.split(",") if isinstance(text, str) else text
    rules = tuple(_parse(item.strip()) for item in items if item.strip())
    seen = set[str]()
    for rule in rules:
        if rule.pattern in seen:
            raise ValueError(f"the pattern {rule.pattern!r} is there twice; keep one of its rules")
        seen.add(rule.pattern)
    return rules


def _parse(item: str) -> RetentionRule:
    pattern, separator, duration = (part.strip() for part in item.rpartition("="))
    if not separator or not pattern:
        raise ValueError(f"{item!r} is not a rule: write PATTERN=DURATION, such as nightly-*=3d")
    if duration == KEEP:
        return RetentionRule(pattern, None, f"{pattern}={KEEP}")
    found = _DURATION.match(duration)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not seconds:
        raise ValueError(
            f"{duration!r} in {item!r} is not a duration: write days, hours or minutes as 3d, 12h or 90m, or keep"
        )
    return RetentionRule(pattern, seconds, f"{pattern}={duration}")
