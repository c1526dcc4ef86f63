"""The entry: written so that old Pythons can read it and print which version is needed."""

import os
import sys

NEEDED = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")


def newer_python() -> "str | None":
    """The path of a Python that is new enough, or None."""
    for name in NEWER:
        for directory in os.environ.get("PATH", "").split(os.pathsep):
            path = os.path.join(directory, name)  # noqa: PTH118 - read by old Pythons
            if os.access(path, os.X_OK):
                return path
    return None


def main() -> int:
    """The exit code."""
    if sys.version_info < NEEDED:
        here = "%s is Python %d.%d" % (sys.executable, sys.version_info[0], sys.version_info[1])  # noqa: UP031
        other = newer_python()
        if other is not None and "OTTO_SETUP_PYTHON" not in os.environ:
            os.environ["OTTO_SETUP_PYTHON"] = other  # a shim that leads back here must not go round for ever
            os.execv(other, [other, "-B", "-m", "scripts.setup"] + sys.argv[1:])  # noqa: S606, RUF005
        sys.stderr.write(
            "Python 3.11 or newer is needed; %s. Debian 12 and Ubuntu 24.04 have one as python3; "  # noqa: UP031
            "with another name for it: make PYTHON=/path/to/python3.11 ...\n" % here
        )
        return 2
    from scripts.setup.command import main as setup

    return setup(sys.argv[1:])


sys.exit(main())
