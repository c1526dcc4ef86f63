"""Gives the same lines to what the gateway is compared with, in the way each of them takes messages.

Run as ``python -m benchmarks.peers.publisher KIND PORT --lines N …``; KIND is ``http`` (a POST for each line,
pipelined), ``json`` (JSON lines over TCP), ``redis`` (PUBLISH) or ``nats`` (PUB). Each line is the JSON object that the
gateway makes of it. Returns once all have been taken, and prints one JSON object.
"""

import argparse
import json
import resource
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.producer import due_batches

LINES_PER_SEND = 100
"""Of one task. With several tasks their lines come in turn, one by one: a server that takes single messages cannot tell
that they were written together. (The gateway's producers can, and put those of a task into one message.)"""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a line is sent, what is sent last, and what is in the answers once all has been taken."""

    frame: Callable[[str, bytes], bytes]
    last: bytes
    answer: bytes
    answers_per_line: int
    """Otherwise one answer in all."""


def _http(task: str, entry: bytes) -> bytes:
    head = f"POST /publish/{task} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(entry)}\r\n\r\n"
    return head.encode() + entry


def _redis(task: str, entry: bytes) -> bytes:
    return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(task), task.encode(), len(entry), entry)


def _nats(task: str, entry: bytes) -> bytes:
    return b"PUB %b %d\r\n%b\r\n" % (task.encode(), len(entry), entry)


KINDS = {
    "http": Kind(_http, b"", b"HTTP/1.1 20", 1),
    "json": Kind(lambda _, entry: entry + b"\n", b"", b"done\n", 0),
    "redis": Kind(_redis, b"", b":", 1),
    "nats": Kind(_nats, b"PING\r\n", b"PONG", 0),
}


def entry_json(task: str, number: int, text: str) -> bytes:
    """An entry as the gateway stores and sends it."""
    return (
        b'{"taskId":"%b","workerId":"bench-worker","sequence":%d,"timestamp":"2026-01-01T00:00:00.000000000Z",'
        b'"level":"INFO","source":"stdout","message":"%b"}' % (task.encode(), number, text.encode())
    )


def publish(kind: Kind, port: int, *, lines: int, tasks: int, rate: float) -> None:
    """Send everything and wait until it has been taken."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    expected = lines * tasks if kind.answers_per_line else 1
    reader = threading.Thread(target=_read_answers, args=(connection, kind.answer, expected))
    reader.start()
    counts = [0] * tasks
    for task, texts, _ in due_batches(lines, tasks, LINES_PER_SEND if tasks == 1 else 1, rate):
        frames = []
        for text in texts:
            counts[task] += 1
            name = f"bench-{task}"
            frames.append(kind.frame(name, entry_json(name, counts[task], text)))
        connection.sendall(b"".join(frames))
    connection.sendall(kind.last)
    if kind.answer == b"done\n":
        connection.shutdown(socket.SHUT_WR)
    reader.join()
    connection.close()


def _read_answers(connection: socket.socket, answer: bytes, expected: int) -> None:
    found = 0
    left = b""
    while found < expected:
        data = connection.recv(1 << 16)
        if not data:
            raise RuntimeError(f"the server closed the connection after {found} of {expected} answers")
        text = left + data
        found += text.count(answer)
        left = text[-(len(answer) - 1) :] if len(answer) > 1 else b""


def main() -> None:
    """Publish and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("port", type=int)
    parser.add_argument("--lines", type=int, required=True, help="of each task")
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0, help="lines a second over all tasks; 0: as fast as taken")
    options = parser.parse_args()
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.monotonic()
    publish(KINDS[options.kind], options.port, lines=options.lines, tasks=options.tasks, rate=options.rate)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"seconds": time.monotonic() - started, "cpu_seconds": cpu}))


if __name__ == "__main__":
    main()
