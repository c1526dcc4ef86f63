"""Values of a program as JSON that can be stored: secrets masked, everything else as close as JSON comes to it."""

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

__all__ = ["MASK", "Values", "masked_json", "text_of"]

MASK: Final = "***"

_DEPTH_MAX: Final = 24
_ITEMS_MAX: Final = 100_000
_TEXT_CHARACTERS: Final = 1000
"""Of an object that JSON does not know."""
_SECRET_CHARACTERS_MIN: Final = 4
"""Shorter masked values are not looked for in error texts: they would be found everywhere."""

_ALWAYS: Final = re.compile(r"password|passwd|secret|authorization|apikey")
_TOKEN: Final = re.compile(r"token")


class Values:
    """Makes JSON of the values of one run, and remembers what it has masked."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._items = 0

    def json(self, value: object, bytes_max: int) -> str:
        """The value; one that is longer than ``bytes_max`` as what it begins with."""
        self._items = 0
        text = json.dumps(self._copy(value, 0), ensure_ascii=False, separators=(",", ":"))
        size = len(text) if text.isascii() else len(text.encode(errors="replace"))
        if size > bytes_max:
            cut = {"truncated": True, "bytes": size, "beginning": text[:_TEXT_CHARACTERS]}
            text = json.dumps(cut, ensure_ascii=False)
        return text

    def without_secrets(self, text: str) -> str:
        """A text, with what was masked as a value masked there too: errors like to quote what they were given."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def _copy(self, value: object, depth: int) -> Any:
        kind = type(value)
        if kind is str or value is None or kind is bool or kind is int:
            return value
        if kind is float:
            return value if math.isfinite(value) else str(value)  # type: ignore[arg-type] # JSON has no NaN
        self._items += 1
        if depth > _DEPTH_MAX or self._items > _ITEMS_MAX:
            return "…"
        if isinstance(value, Mapping):
            return {str(name): self._of_name(name, each, depth + 1) for name, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._copy(each, depth + 1) for each in value]
        return text_of(value)[:_TEXT_CHARACTERS]

    def _of_name(self, name: object, value: object, depth: int) -> Any:
        if isinstance(name, str) and (always := _is_secret(name)) is not None and _can_be_secret(value, always=always):
            self._remember(value)
            return MASK
        return self._copy(value, depth)

    def _remember(self, value: object) -> None:
        if isinstance(value, str):
            if len(value) >= _SECRET_CHARACTERS_MIN:
                self._secrets.add(value)
        elif isinstance(value, list | tuple):
            for each in value[:100]:
                self._remember(each)


def text_of(value: object) -> str:
    """An object as text; its type's name where it has none, or fails to give it."""
    try:
        return str(value) or type(value).__name__
    except Exception:  # noqa: BLE001 - the program's own method
        return type(value).__name__


def masked_json(value: object, bytes_max: int = 1 << 20) -> str:
    """A value as JSON, secrets masked."""
    return Values().json(value, bytes_max)


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool | None:
    """Whether a name is that of a secret in any case (True), or of one unless it counts something (False)."""
    plain = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    if _ALWAYS.search(plain):
        return True
    return False if _TOKEN.search(plain) else None


def _can_be_secret(value: object, *, always: bool) -> bool:
    """``max_tokens: 4096`` is no secret, ``password: 1234`` is one."""
    if value is None or isinstance(value, bool):
        return False
    return always or not isinstance(value, int | float)
