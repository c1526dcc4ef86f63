"""What this machine remembers of a gateway that is away, so that not every command waits for it anew."""

import contextlib
import os
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

__all__ = ["AwayNote"]

_REMEMBERED_SECONDS: Final = 60.0


class AwayNote:
    """A file in the user's cache directory: since when the gateway is away; its mtime is when that was seen last.

    Without a directory that can be written nothing is remembered.

    Args:
        gateway: ``host:port``.
    """

    def __init__(self, gateway: str) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 - never raises
        self._path = cache / "otto-logs" / f"away-{quote(gateway, safe='')}"

    def __repr__(self) -> str:
        return f"<AwayNote {self._path}>"

    def seconds(self) -> float:
        """How long the gateway has been away; 0: nobody has seen that within the last minute."""
        try:
            seen_at, since = self._path.stat().st_mtime, float(self._path.read_text())
        except (OSError, ValueError):
            return 0.0
        now = time.time()
        return max(0.0, now - since) if 0 <= now - seen_at <= _REMEMBERED_SECONDS else 0.0

    def update(self) -> None:
        """The gateway was just seen to be away."""
        since = time.time() - self.seconds()
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.write_text(str(since))

    def clear(self) -> None:
        """The gateway is there."""
        with contextlib.suppress(OSError):
            self._path.unlink()
