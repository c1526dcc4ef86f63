"""Ports for servers that must come back on the same one."""

import random
import socket

_random = random.SystemRandom()


def free_port() -> int:
    """A port that nobody listens on, outside the range that the kernel gives to ``port=0`` and outgoing connections.

    A server that is killed and restarted under its clients needs its port back; one from the kernel's range could have
    gone to somebody else's connection in between.
    """
    for _ in range(1000):
        port = _random.randrange(10_240, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 10240 and 32000")
