"""What a machine can do to a process: a disk that can be filled, and a clock that can be moved."""

import contextlib
import os
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import program, why_missing

__all__ = ["Clock", "Disk", "small_disk"]

SOURCE = Path(__file__).with_name("wall_clock.c")

_SECONDS = struct.Struct("=q")


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
    """The wall clock of the processes that are started with ``environment``; their monotonic clock continues.

    ``missing`` says why it cannot be moved.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_bytes(_SECONDS.pack(0))
        self.environment: dict[str, str] = {}
        library = folder / "wall_clock.so"
        self.missing = why_missing("gcc")
        if self.missing:
            return
        command = [
            program("gcc"),
            "-O2",
            "-Wall",
            "-Werror",
            "-shared",
            "-fPIC",
            "-o",
            str(library),
            str(SOURCE),
            "-ldl",
        ]
        subprocess.run(command, check=True)
        self.environment = {"LD_PRELOAD": str(library), "OTTO_WALL_CLOCK": str(self._file)}

    def move(self, seconds: int) -> None:
        """Set it ahead of the true time, or after it."""
        with self._file.open("r+b") as file:
            file.write(_SECONDS.pack(seconds))
