"""How far a check has got, in a file, so that another one continues from there."""

import time
from pathlib import Path
from typing import Final

import msgspec

from storage.errors import DatabaseError
from storage.verification.findings import Finding, Kind
from storage.verification.rows import RowCheckState

__all__ = ["Checkpoint", "CheckpointFile"]

_SAVED_SECONDS: Final = 5.0


class Checkpoint(msgspec.Struct, frozen=True):
    """The last record that was checked, and what was found up to it. ``rows`` is None where they were not compared."""

    epoch: str
    record: int
    records: int
    lines: int
    bytes: int
    rows: RowCheckState | None
    counts: dict[Kind, int]
    findings: dict[Kind, list[Finding]]


class CheckpointFile:
    """Belongs to one check at a time.

    Args:
        path: the file; None: nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._saved_at = time.monotonic()

    def __repr__(self) -> str:
        return f"<CheckpointFile {self._path}>"

    def load(self, epoch: str) -> Checkpoint | None:
        """What another check left; None if there is nothing.

        Raises:
            DatabaseError: the file is something else, or of another journal.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Checkpoint)
        except (msgspec.DecodeError, OSError) as error:
            raise DatabaseError(f"{self._path} holds no progress of a check: {error}") from error
        if found.epoch != epoch:
            raise DatabaseError(
                f"{self._path} is of a check of epoch {found.epoch}, the journal has {epoch}: remove it"
            )
        return found

    @property
    def is_kept(self) -> bool:
        """Whether there is a file."""
        return self._path is not None

    @property
    def is_due(self) -> bool:
        """Whether it is time to save again."""
        return self._path is not None and time.monotonic() - self._saved_at >= _SAVED_SECONDS

    def save(self, checkpoint: Checkpoint) -> None:
        """Put it in the place of the one before, whole or not at all."""
        if self._path is not None:
            partial = Path(f"{self._path}.partial")
            partial.write_bytes(msgspec.json.encode(checkpoint))
            partial.rename(self._path)
            self._saved_at = time.monotonic()

    def remove(self) -> None:
        """The check is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
