"""Ports for servers that must come back on the same one."""

import os
import random
import socket
from collections import deque

_random = random.SystemRandom()

_WORKERS_MAX = 16
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS_MAX
_given = deque[int](maxlen=200)


def free_port() -> int:
    """A port that nobody listens on, outside the range that the kernel gives to ``port=0`` and outgoing connections.

    A server that is killed and restarted under its clients needs its port back; one from the kernel's range could have
    gone to somebody else's connection in between. So that no other test takes it meanwhile, each worker has ports of
    its own.
    """
    for _ in range(1000):
        port = _random.randrange(10_240, 32_000, _WORKERS_MAX) + _WORKER
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.append(port)
            return port
    raise RuntimeError("no free port between 10240 and 32000")
