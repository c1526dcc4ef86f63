"""What a machine can do to a process: a disk that can be filled, and a clock that can be moved."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Clock", "Disk", "small_disk"]

LIBRARIES = Path("/usr/lib")


@dataclass(frozen=True)
class Disk:
    """A folder that has a file system of its own; ``missing`` says why it has none."""

    folder: Path
    missing: str = ""

    def fill(self) -> None:
        """Leave no room for another byte."""
        ballast = os.open(self.folder / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while True:
                os.write(ballast, bytes(1 << 20))
        except OSError:
            with contextlib.suppress(OSError):
                while True:
                    os.write(ballast, bytes(4096))
        finally:
            os.close(ballast)

    def empty(self) -> None:
        """Make room again."""
        (self.folder / "ballast").unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Disk]:
    """Mount a file system of ``size`` bytes in memory; without the right to do so, the folder is an ordinary one."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "otto-faults", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        yield Disk(folder, mounted.stderr.strip() if mounted.returncode else "")
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Clock:
    """The wall clock of the processes that are started with ``environment``; their monotonic clock goes on.

    ``missing`` says why it cannot be moved.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.missing = ""
        self.environment: dict[str, str] = {}
        library = next(iter(sorted(LIBRARIES.glob("*/faketime/libfaketimeMT.so.1"))), None)
        if library is None:
            self.missing = "libfaketime is not installed"
            return
        self.move(0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, seconds: int) -> None:
        """Set it ahead of the true time, or behind it."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        fresh.rename(self._file)
