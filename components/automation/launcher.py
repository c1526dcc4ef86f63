"""Becomes a stage's command once its scheduler has noted the process; ends where the scheduler died before that.

Run as ``python -I -S launcher.py PROGRAM ARGUMENTS``; one byte on standard input is the word to begin.
"""

import os
import sys

if __name__ == "__main__" and os.read(0, 1):
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - argv templates of the settings, without a shell
