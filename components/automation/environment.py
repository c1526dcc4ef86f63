"""The environment of a stage's command: what a program needs to run, and nothing that the gateway keeps secret."""

import os
from collections.abc import Mapping
from typing import Final

from components.automation.processes import MARKER

__all__ = ["PASSED_VARIABLES", "stage_environment"]

PASSED_VARIABLES: Final = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)
"""Those and ``LC_*`` are passed on; ``docs/automation.md`` lists them."""


def stage_environment(names: tuple[str, ...] = (), *, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that are passed on to a stage's command.

    Args:
        names: further ones, which the settings name.
        environment: the gateway's own.
    """
    passed = {*PASSED_VARIABLES, *names, MARKER}
    return {name: value for name, value in environment.items() if name in passed or name.startswith("LC_")}
