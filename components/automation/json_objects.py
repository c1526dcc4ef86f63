"""JSON objects in columns and in the output of stages: other programs may have written them, so any may be invalid."""

import json
from typing import Any, Final

__all__ = ["parse_object"]

_DEPTH_MAX: Final = 64
"""Levels of nesting. Python's own limit depends on the caller's stack, so what was read might not be written again."""


def parse_object(text: object) -> dict[str, Any] | None:
    """A JSON object that can be stored and sent; None if ``text`` is no such object, or is nested too deeply.

    Lone surrogates, which no UTF-8 text can hold, are replaced with ``?``.
    """
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or _is_too_deep(found):
            return None
        if "\\u" in text:
            found = json.loads(json.dumps(found, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEPTH_MAX):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True
