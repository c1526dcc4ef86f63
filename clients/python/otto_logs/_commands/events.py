"""Levels and events of a program's output, as far as its lines show them."""

from otto_logs._commands.lines import OutputLine
from otto_logs._events import WorkerEvents
from otto_logs._values import Level, Source

__all__ = ["GuessedLevels"]


class GuessedLevels:
    """Reads the lines of one worker in their order, each source by itself."""

    def __init__(self) -> None:
        self._events = WorkerEvents()

    def __repr__(self) -> str:
        return f"<GuessedLevels {self._events!r}>"

    def of(self, source: Source, line: OutputLine) -> tuple[Level, dict[str, str] | None]:
        """The level of the next line, INFO if nothing says otherwise, and its metadata."""
        level, metadata = self._events.read(source.name, line.text.decode("utf-8", "replace"), line.metadata)
        return Level[level], metadata
