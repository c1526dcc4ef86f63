"""Entries as rows for people."""

from datetime import UTC, datetime
from typing import Any, Final

import click

__all__ = ["gap_row", "local_time", "message_of", "row"]

_STYLES: Final[dict[str, dict[str, Any]]] = {
    "TRACE": {"dim": True},
    "DEBUG": {"fg": "blue"},
    "INFO": {"fg": "green"},
    "WARN": {"fg": "yellow"},
    "ERROR": {"fg": "red"},
    "FATAL": {"fg": "red", "bold": True, "reverse": True},
}


def message_of(entry: dict[str, Any]) -> str:
    """The message alone."""
    return str(entry.get("message", ""))


def row(entry: dict[str, Any], *, colour: bool) -> str:
    """Time, level, worker, message; the lines of a message with several stay below each other."""
    level = str(entry.get("level", "INFO"))
    time = _clock(str(entry.get("timestamp", "")))
    worker = str(entry.get("workerId", ""))
    lines = message_of(entry).split("\n")
    if colour:
        head = f"{click.style(time, dim=True)} {click.style(f'{level:5}', **_STYLES.get(level, {}))} "
        head += click.style(worker, fg="cyan", dim=entry.get("source") == "stderr")
    else:
        head = f"{time} {level:5} {worker}"
    if entry.get("truncated"):
        lines[-1] += f" … ({entry.get('originalSize', '?')} bytes)"
    indent = "\n" + " " * (len(time) + 7)
    return f"{head}  {indent.join(lines)}"


def gap_row(fields: dict[str, Any], *, colour: bool) -> str:
    """The row in place of lines that no longer exist."""
    first, last, reason = (fields.get(name, "?") for name in ("from", "to", "reason"))
    text = f"── lines {first} to {last} no longer exist ({reason}) ──"
    return click.style(text, fg="magenta") if colour else text


def local_time(timestamp: str) -> datetime | None:
    """The gateway's timestamp in the reader's time zone; None if it is none."""
    try:
        # fromisoformat reads six digits of a second; there are nine.
        return datetime.fromisoformat(timestamp[:26].rstrip("Z")).replace(tzinfo=UTC).astimezone()
    except ValueError:
        return None


def _clock(timestamp: str) -> str:
    time = local_time(timestamp)
    return timestamp if time is None else time.strftime("%H:%M:%S.") + f"{time.microsecond // 1000:03}"
