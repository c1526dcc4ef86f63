"""Answers as text of limited length, with the cursor of the rest."""

from collections.abc import Iterable, Sequence
from typing import Final

from filters.entry import LogEntry
from filters.level_detection import strip_ansi

__all__ = ["CURSOR_CHARACTERS", "cut", "fitting", "line_text", "with_cursor"]

CURSOR_CHARACTERS: Final = 160
"""What the line with the cursor takes."""
_CONTROL: Final = {code: "·" for code in range(32) if code != 9}


def fitting(rows: Iterable[str], characters: int) -> list[str]:
    """The first rows that fit; at least one, cut if it has to be."""
    taken: list[str] = []
    left = characters - CURSOR_CHARACTERS
    for row in rows:
        if not taken:
            row = cut(row, left)
        left -= len(row) + 1
        if left < 0 and taken:
            break
        taken.append(row)
    return taken


def cut(text: str, characters: int) -> str:
    """A text that is cut, and says so, if it is longer."""
    if len(text) <= characters:
        return text
    end = f"… ({len(text) - characters:,} characters more)"
    return text[: max(characters - len(end), 0)] + end


def with_cursor(rows: Sequence[str], cursor: str | None, *, nothing: str) -> str:
    """Rows, and the cursor if there are more. ``nothing`` is the text for no rows."""
    shown = list(rows) or [nothing]
    if cursor is not None:
        shown.append(f"[more: cursor {cursor}]")
    return "\n".join(shown)


def line_text(entry: LogEntry, *, mark: str = " ") -> str:
    """A line of a log in one row, without colours."""
    text = strip_ansi(entry.message).translate(_CONTROL)
    return f"{entry.sequence}{mark}{entry.level} {entry.worker_id} {text}"
