"""Crashes at a chosen moment of a commit, without killing anything: what the disk would have is copied then."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

__all__ = ["WatchedConnection", "crash"]


def crash(path: Path) -> Path:
    """What is left of a database where the process is killed now: its file and its log, as the system has them."""
    folder = path.parent / "left behind"
    folder.mkdir()
    for suffix in ("", "-wal"):
        if (file := Path(f"{path}{suffix}")).exists():
            shutil.copy(file, folder)
    return folder / path.name


class WatchedConnection:
    """Calls something before or after each COMMIT."""

    def __init__(self, connection: sqlite3.Connection, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._connection, self._before, self._after = connection, before, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return self._connection.execute(sql, parameters)
        self._before()
        cursor = self._connection.execute(sql, parameters)
        self._after()
        return cursor
