"""Runs a command and passes its output on at a pace that a person can follow.

    python examples/demo/paced.py COMMAND [ARGUMENT...]

A build prints in bursts; this holds back what comes faster than ``LINES_PER_SECOND``, for ``PACED_SECONDS`` at most.
"""

import subprocess
import sys
import time

LINES_PER_SECOND = 60
PACED_SECONDS = 15.0


def main() -> int:
    """The command's exit code."""
    process = subprocess.Popen(  # noqa: S603 - running what the caller names is the purpose
        sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    )
    assert process.stdout is not None  # noqa: S101  (it is a pipe)
    paced_until = time.monotonic() + PACED_SECONDS
    for line in iter(process.stdout.readline, b""):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        if time.monotonic() < paced_until:
            time.sleep(1 / LINES_PER_SECOND)
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
