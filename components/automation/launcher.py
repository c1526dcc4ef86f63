"""Executes a stage's command once its scheduler has stored the process; exits if the scheduler died before that.

Run as ``python -I -S launcher.py CGROUP PROGRAM ARGUMENTS``; one byte on standard input is the signal to start.
``CGROUP`` is the directory for a control group of the stage; empty: without one.
"""

import os
import sys

_MARKER = "OTTO_STAGE_PROCESS"


def _mark(directory: str) -> None:
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - the start is short
        ticks = file.read().rpartition(")")[2].split()[19]
    name = f"{os.getpid()}-{ticks}"
    outer = os.environ.get(_MARKER)  # set if the scheduler itself runs in a stage
    os.environ[_MARKER] = f"{outer},{name}" if outer else name
    if not directory:
        return
    try:
        group = os.path.join(directory, f"otto-stage-{name}")  # noqa: PTH118
        os.mkdir(group)  # noqa: PTH102
        with open(os.path.join(group, "cgroup.procs"), "w") as file:  # noqa: PTH118, PTH123
            file.write("0")
    except OSError:  # the marker is enough
        pass


if __name__ == "__main__" and os.read(0, 1):
    _mark(sys.argv[1])
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - argv templates of the settings, without a shell
