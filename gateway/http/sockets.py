"""Listening sockets for HTTP, made by the gateway itself: options set here are inherited by every connection."""

import errno
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final

__all__ = ["ListenError", "close_all", "listen", "listen_all", "share_ports"]

_UNSENT_BYTES: Final = 128 << 10
"""What the kernel takes of one connection before writing pauses; without a limit about 4 MB wait unseen."""
_BACKLOG: Final = 1024
_KEEPALIVE_SECONDS: Final = 60
_KEEPALIVE_INTERVAL_SECONDS: Final = 15
_KEEPALIVE_PROBES: Final = 4


_sharing = {"ports": False}
"""Whether this process is one of several that listen on the same ports."""


def share_ports() -> None:
    """Let other processes of this user listen on the same ports, from now on; the kernel shares connections out."""
    _sharing["ports"] = True


class ListenError(Exception):
    """The server cannot listen there; the text is one sentence for the person who started it."""


def listen(host: str, port: int, *, setting: str) -> list[socket.socket]:
    """Listen on every address of a host; connections wait in the backlog until they are served.

    Args:
        host: an address, or a name that has some.
        port: 0: any free one, the same for all addresses.
        setting: the name of the port's setting, for the text of an error.

    Raises:
        ListenError: the port is taken, or the host is not this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        text = f"{host!r} is neither an address nor a name that has one; set HOST to one of this machine's"
        raise ListenError(text) from error
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            place = (address[0], port, *address[2:])
            sockets.append(_listening(family, place))
            port = port or sockets[0].getsockname()[1]
    except OSError as error:
        close_all(sockets)
        raise ListenError(_explained(error, host, port, setting)) from error
    return sockets


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets."""
    for each in sockets:
        each.close()


def _listening(family: socket.AddressFamily | int, place: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        if os.name == "posix":  # elsewhere it lets two programs have the same port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if _sharing["ports"]:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and place[0] != "::":
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _set_options(made)
        made.bind(place)
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _set_options(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        # No TCP_USER_TIMEOUT: Linux also counts the time for which the first segment that waits is larger than the
        # peer's window, and drops a reader that takes a little all the time. Sessions have a timeout of their own that
        # distinguishes the two.
        tcp = socket.IPPROTO_TCP
        made.setsockopt(tcp, socket.TCP_KEEPIDLE, _KEEPALIVE_SECONDS)
        made.setsockopt(tcp, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL_SECONDS)
        made.setsockopt(tcp, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
        made.setsockopt(tcp, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


def _explained(error: OSError, host: str, port: int, setting: str) -> str:
    place = f"port {port} of {host}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken by another program; end it, or set {setting} to a free port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; set HOST to one that is"
    if error.errno == errno.EACCES:
        return f"{place} needs rights that this user does not have; set {setting} to a port from 1024 on"
    return f"cannot listen on {place}: {error.strerror}"


def listen_all(host: str, ports: Mapping[str, int], undo: AsyncExitStack) -> list[socket.socket]:
    """Listen on several ports, by the names of their settings.

    Raises:
        ListenError: one is taken, or the address cannot be used.
    """
    sockets: list[socket.socket] = []
    for name, port in ports.items():
        made = listen(host, port, setting=name)
        undo.callback(close_all, made)
        sockets += made
    return sockets
