"""What a filter must select, as the ``grep`` program sees it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.build_output import OutputLine

__all__ = ["GrepFiles"]


class GrepFiles:
    """One worker's lines as files, a file for each field, so that ``grep`` can be asked about every field alone."""

    def __init__(self, directory: Path, lines: Sequence[OutputLine]) -> None:
        directory.mkdir()
        self._messages = [line.message for line in lines]
        self._paths = {name: directory / name for name in ("messages", "levels", "sources")}
        self._paths["messages"].write_text("".join(f"{line.message}\n" for line in lines))
        self._paths["levels"].write_text("".join(f"{line.level}\n" for line in lines))
        self._paths["sources"].write_text("".join(f"{line.source}\n" for line in lines))

    def select(self, log_filter: dict[str, list[str]]) -> list[str]:
        """The messages that the filter's levels, sources and keywords let pass, in order."""
        return [self._messages[number - 1] for number in self.numbers(log_filter)]

    def numbers(self, log_filter: dict[str, list[str]]) -> list[int]:
        """The numbers of these messages, counted from 1."""
        numbers = set(range(1, len(self._messages) + 1))
        if "levels" in log_filter:
            numbers &= self._grep("levels", ["--line-regexp"], log_filter["levels"])
        if "sources" in log_filter:
            numbers &= self._grep("sources", ["--line-regexp"], log_filter["sources"])
        if "keywords" in log_filter:
            numbers &= self._grep("messages", ["--ignore-case"], log_filter["keywords"])
        return sorted(numbers)

    def _grep(self, field: str, options: list[str], words: list[str]) -> set[int]:
        patterns = [f"--regexp={word}" for word in words]
        command = ["grep", "--text", "--fixed-strings", "--line-number", *options, *patterns, str(self._paths[field])]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        finished = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert finished.returncode in (0, 1), finished.stderr
        return {int(row.partition(b":")[0]) for row in finished.stdout.splitlines() if row}
