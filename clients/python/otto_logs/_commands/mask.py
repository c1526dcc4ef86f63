"""``otto-logs mask``: a secret that a command learns while it runs, and the side of ``run`` that hears it."""

import contextlib
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from otto_logs._commands.exit_codes import ExitCode, fail
from otto_logs._secret_forms import SECRET_CHARACTERS_MAX

__all__ = ["MASK_SOCKET_VARIABLE", "MaskServer", "mask"]

MASK_SOCKET_VARIABLE: Final = "OTTO_LOGS_MASK_SOCKET"
_VALUE_BYTES_MAX: Final = 4 * SECRET_CHARACTERS_MAX
_SECONDS_MAX: Final = 10.0


@click.command(short_help="Mask a value from now on; within `otto-logs run`.")
@click.argument("value", default="-")
def mask(value: str) -> None:
    """Have `otto-logs run`, within which this runs, send VALUE as *** from now on. Without VALUE: what stdin has.

    \b
    Example:
      vault read -field=token secret/ci | otto-logs mask
    """  # noqa: D301 - click wants a real \b
    path = os.environ.get(MASK_SOCKET_VARIABLE)
    if not path:
        fail("this is not within `otto-logs run`, so there is nobody to mask it", ExitCode.USAGE)
    data = sys.stdin.buffer.read(_VALUE_BYTES_MAX + 1) if value == "-" else os.fsencode(value)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_SECONDS_MAX)
            connection.connect(path)
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1024)
    except OSError as error:
        fail(f"`otto-logs run` does not answer: {error.strerror or error}", ExitCode.AWAY)
    if answer != b"masked":
        fail(answer.decode(errors="replace") or "`otto-logs run` has not masked it", ExitCode.REFUSED)


class MaskServer:
    """Takes values over a socket that its own user alone may use, and answers once they are masked.

    Args:
        mask: masks a value.

    Attributes:
        path: of the socket; empty: there is none, because no directory for it could be made.
    """

    def __init__(self, mask: Callable[[str], None]) -> None:
        self._mask = mask
        self.path = ""
        self._socket = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            self._directory = tempfile.mkdtemp(prefix="otto-logs-")  # mode 0700
            path = str(Path(self._directory) / "mask")
            self._socket.bind(path)
            self._socket.listen()
            self.path = path
            threading.Thread(target=self._serve, name="otto-logs mask", daemon=True).start()

    def __repr__(self) -> str:
        return f"<MaskServer {self.path}>"

    def close(self) -> None:
        """Hear nothing more."""
        if self.path:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _serve(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                connection, _ = self._socket.accept()
                with connection:
                    connection.settimeout(_SECONDS_MAX)
                    connection.sendall(self._answer(_read(connection)))

    def _answer(self, data: bytes) -> bytes:
        try:
            self._mask(data.decode("utf-8", "surrogateescape"))
        except ValueError as error:
            return str(error).encode()
        return b"masked"


def _read(connection: socket.socket) -> bytes:
    data = b""
    while len(data) <= _VALUE_BYTES_MAX and (piece := connection.recv(65536)):
        data += piece
    return data
