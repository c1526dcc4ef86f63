"""How far a command has got, on the terminal."""

import math
import sys
import time
from typing import Final

import click

__all__ = ["ProgressLine"]

_PROGRESS_SECONDS: Final = 0.2


class ProgressLine:
    """One line of standard error, overwritten in place; nothing if that is no terminal.

    Args:
        unit: what is counted.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._is_shown = sys.stderr.isatty()
        self._started = time.monotonic()
        self._shown_at = -math.inf

    def __repr__(self) -> str:
        return f"<ProgressLine of {self._unit}>"

    def show(self, reached: int, last: int) -> None:
        """Show how far it is."""
        now = time.monotonic()
        if not self._is_shown or not last or now - self._shown_at < _PROGRESS_SECONDS:
            return
        self._shown_at = now
        left = (now - self._started) * (last - reached) / max(reached, 1)
        text = f"{self._unit} {reached:,} of {last:,}, {100 * reached // last} %, {left:.0f} s left"
        click.echo(f"\r\x1b[K{text}", err=True, nl=False)

    def clear(self) -> None:
        """Erase the line."""
        if math.isfinite(self._shown_at):
            click.echo("\r\x1b[K", err=True, nl=False)
