"""What a run is a run of: two tasks with the same name can be compared."""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["run_name"]

_IDENTIFYING: Final = ("repo", "workflow", "job", "script")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VARIABLE: Final = re.compile(  # numbers, times, and hashes, which are long and have a digit
    r"(?<![A-Za-z0-9])(?:\d+[TtZz]?(?:\d+[Zz]?)?|(?=[a-f]*\d)[0-9a-f]{7,64})(?![A-Za-z0-9])"
)
_SUFFIX: Final = re.compile(r"(?<=[-_.])(?=[a-z]*\d)[a-z0-9]{5,10}\Z")


def run_name(task_id: str, labels: Mapping[str, str]) -> str:
    """The label ``name``, or else what the CI system calls the job, or else the id without what differs each time.

    ``build-7`` and ``build-8`` are ``build-*``; so are ids that end with a time, a hash, a UUID or a random suffix.
    """
    if labels.get("name"):
        return f"name {labels['name']}"
    known = [f"{label}={labels[label]}" for label in _IDENTIFYING if labels.get(label)]
    if len(known) > 1 or labels.get("script"):
        return " ".join(known)
    return _SUFFIX.sub("*", _VARIABLE.sub("*", _UUID.sub("*", task_id)))
