"""An HTTP server with a JSON Web Key Set, whose answers a test decides."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class JwksServer:
    """Serves ``keys``, or ``body`` with ``status`` where a test sets them; counts requests."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys: list[dict[str, Any]] = list(keys)
        self.body: bytes | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests = 0
        self.url = ""

    def answer(self) -> bytes:
        self.requests += 1
        return self.body if self.body is not None else json.dumps({"keys": self.keys}).encode()


@contextmanager
def jwks_server(*keys: dict[str, Any]) -> Iterator[JwksServer]:
    """A server on a free port of the loopback interface."""
    state = JwksServer(*keys)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = state.answer()
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/keys"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
