"""The directory that the processes of one machine share for their spools: one sub-directory each, locked while in use.

The lock is the operating system's and ends with the process, however that ends. What is in a sub-directory that nobody
has locked was left by a process that is gone; the next process that locks it delivers it, under the same producer id.
"""

import contextlib
import fcntl
import os
import re
import stat
import time
import uuid
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from otto_logs._segments import segment_files

__all__ = ["Claim", "SpoolDirectory", "new_producer_id"]

_LOCK: Final = "lock"
_MADE: Final = re.compile(r"[0-9a-f]{32}")
"""A name that ``new_producer_id`` has made."""

_claims: "weakref.WeakSet[Claim]" = weakref.WeakSet()


def new_producer_id(others: Iterable[str] = ()) -> str:
    """A producer id that no other has, and that is behind those made before it.

    ``others``, which are still there, come first also if the clock was set back since they were made.
    """
    newest = max((int(name[:16], 16) for name in others if _MADE.fullmatch(name)), default=0)
    return f"{max(time.time_ns(), newest + 1):016x}{uuid.uuid4().hex[:16]}"


class Claim:
    """A sub-directory that is ours until ``release``, or until the process ends."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        _claims.add(self)

    def __repr__(self) -> str:
        return f"<Claim {self.path}{'' if self._fd >= 0 else ' released'}>"

    def release(self) -> None:
        """Give it up, and remove it if nothing is left in it. Idempotent."""
        if self._fd < 0:
            return
        if not segment_files(self.path):
            # Still locked: a process that waits for this lock finds that its file is gone, and looks again.
            with contextlib.suppress(OSError):
                (self.path / _LOCK).unlink()
                self.path.rmdir()
        self.disown()

    def disown(self) -> None:
        """Close the lock's file; after a fork, the parent still has it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class SpoolDirectory:
    """A directory of spools.

    Args:
        path: is made if it does not exist, for the user alone; nobody else may write in one that exists.

    Raises:
        OSError: it cannot be made, or others could plant lines in it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(self.path)

    def __repr__(self) -> str:
        return f"<SpoolDirectory {self.path}>"

    def claim(self, name: str) -> Claim | None:
        """Take a sub-directory, made if it does not exist; None: another process uses it.

        Raises:
            OSError: it cannot be made.
        """
        while True:
            path = self.path / name
            path.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # removed in between by who had it
                return _lock(path, os.O_RDWR | os.O_CREAT)

    def claim_leftover(self, skip: set[str]) -> Claim | None:
        """Take the oldest sub-directory that nobody uses and that is not in ``skip``; None: there is none."""
        for path in self.spools():
            if path.name in skip:
                continue
            with contextlib.suppress(OSError):
                claim = _lock(path, os.O_RDWR)
                if claim is not None:
                    return claim
        return None

    def spools(self) -> Iterator[Path]:
        """The sub-directories, oldest first."""
        yield from sorted(path for path in self.path.iterdir() if (path / _LOCK).is_file())


def _check_owner(path: Path) -> None:
    """Refuse a directory that is not the user's alone: what lies in it is sent with the user's token.

    Raises:
        PermissionError: it is a symbolic link, another user's, or others can write in it.
    """
    state = path.lstat()
    if stat.S_ISLNK(state.st_mode):
        raise PermissionError(f"the spool directory {path} is a symbolic link; give the directory itself")
    if state.st_uid != os.geteuid():
        raise PermissionError(f"the spool directory {path} belongs to another user; give one of your own")
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(
            f"other users can write in the spool directory {path}; chmod go-w it, or give a new directory in it"
        )


def _lock(path: Path, flags: int) -> Claim | None:
    """Lock a sub-directory; None: another has it.

    Raises:
        FileNotFoundError: it was removed meanwhile.
    """
    while True:
        fd = os.open(path / _LOCK, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        try:
            if os.path.samestat(os.fstat(fd), (path / _LOCK).stat()):
                return Claim(path, fd)
        except FileNotFoundError:
            os.close(fd)
            raise
        os.close(fd)


def _in_child() -> None:
    for claim in list(_claims):
        claim.disown()


os.register_at_fork(after_in_child=_in_child)
