"""Databases as earlier versions left them."""

import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["NATIVE_LINES", "restore"]

DUMPS = Path(__file__).parents[1] / "integration" / "databases"

NATIVE_LINES = [f"[{number:3d}] CC build/objects/module_{number:03d}.o -O2 -Wall" for number in range(1, 101)]
"""What is in task ``build-1`` of every dump, sent by producer ``fixture`` as its numbers 1 and 2."""


def restore(version: str, path: Path) -> None:
    """Make the database of a schema version, such as ``v0001``."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript((DUMPS / f"{version}.sql").read_text())
