"""Runs ``make run`` until its page answers with all that it consists of, then ends it with Ctrl-C.

Exit codes: 0, it did; 1, it did not.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

SECONDS_MAX = 1800
ENDS_WITHIN_SECONDS = 60


def main() -> int:
    """The exit code."""
    ports = {"HTTP_PORT": str(_free_port()), "GRPC_PORT": str(_free_port())}
    with subprocess.Popen(
        ["make", "run"],  # noqa: S607
        env={**os.environ, **ports},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C reaches make and everything that it started
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        timer = threading.Timer(SECONDS_MAX, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        url, answers = "", False
        for line in process.stdout:
            print(line, end="", flush=True)
            if match := re.search(r"Watch it live: (\S+)", line):
                url = match[1]
            if url and "task=" in line and not answers:
                answers = _answers(url)
                os.killpg(process.pid, signal.SIGINT)
                timer.cancel()
                timer = threading.Timer(ENDS_WITHIN_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
                timer.start()
        timer.cancel()
    has_ended = process.wait() != -signal.SIGKILL
    print(f"the page {'answers' if answers else 'does not answer'}; make run ended with {process.returncode}")
    return 0 if answers and has_ended else 1


def _answers(url: str) -> bool:
    """Whether the page is there, and every file that it names."""
    page = _content(url)
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    print(f"{url}: {len(page)} bytes, {len(assets)} files: {', '.join(assets)}", flush=True)
    return "<script" in page and bool(assets) and all(_content(url.rstrip("/") + asset) for asset in assets)


def _content(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own gateway
        return str(answer.read(), "utf-8", "replace")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
