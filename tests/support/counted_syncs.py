"""How often a process has synchronised a file with the disk: what a power loss spares, asked of the kernel's door."""

import subprocess
from pathlib import Path

from tests.support.programs import program

__all__ = ["CountedSyncs"]

SOURCE = Path(__file__).with_suffix(".c")


class CountedSyncs:
    """Counts ``fsync`` and ``fdatasync`` of the processes that are started with ``environment``."""

    def __init__(self, folder: Path) -> None:
        library = folder / "counted_syncs.so"
        command = [program("gcc"), "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
        subprocess.run(command, check=True)
        self._log = folder / "syncs"
        self._log.touch()
        self.environment = {"LD_PRELOAD": str(library), "OTTO_SYNCS": str(self._log)}

    def of(self, path: Path) -> int:
        """How often a file has been synchronised so far."""
        return self._log.read_text().splitlines().count(str(path.resolve()))
