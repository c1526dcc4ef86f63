"""Levels and sources as producers write them, and as entries have them."""

from typing import Final

from filters.entry import LEVELS

__all__ = ["LEVEL_NAMES", "SOURCE_NAMES", "normalise_level", "normalise_source"]

LEVEL_NAMES: Final = {level: level for level in LEVELS} | {"WARNING": "WARN", "CRITICAL": "FATAL", "NOTICE": "INFO"}
"""Every accepted name of a level, in capitals, with the level that it means."""

SOURCE_NAMES: Final = {"stdout": "stdout", "stderr": "stderr", "table": "table"}
"""Every accepted name of a source, in small letters."""


def normalise_level(text: str) -> tuple[str, str | None]:
    """The level that a producer's text means, and the text itself where it means none of them.

    Empty is ``INFO``. What is unknown is ``INFO`` too, and its original belongs into ``metadata.level``.
    """
    level = LEVEL_NAMES.get(text)
    if level is not None:
        return level, None
    if not text:
        return "INFO", None
    level = LEVEL_NAMES.get(text.strip().upper())
    return (level, None) if level is not None else ("INFO", text)


def normalise_source(text: str) -> tuple[str, str | None]:
    """The source that a producer's text means, and the text itself where it means none of them.

    Empty is ``stdout``. What is unknown is ``stdout`` too, and its original belongs into ``metadata.source``.
    """
    source = SOURCE_NAMES.get(text)
    if source is not None:
        return source, None
    if not text:
        return "stdout", None
    source = SOURCE_NAMES.get(text.strip().lower())
    return (source, None) if source is not None else ("stdout", text)
