"""The secrets of a process: values of its environment whose names say so."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from otto_logs._secret_forms import why_no_secret

__all__ = ["MASK_ENV_VARIABLE", "SECRET_NAMES", "checked_secret", "names_in", "own_secrets", "secrets_of"]

MASK_ENV_VARIABLE: Final = "OTTO_LOGS_MASK_ENV"
SECRET_NAMES: Final = (
    *("*_TOKEN", "*_TOKENS", "*_SECRET", "*_SECRETS", "*_PASSWORD", "*_PASSWD", "*_PASSPHRASE", "*_PASS", "*_KEY"),
    *("*_APIKEY", "*_CREDENTIAL", "*_CREDENTIALS", "*_PAT", "*_AUTH", "*_DSN", "*_PRIVATE_KEY_PEM"),
    *("*_CONNECTION_STRING", "*_SIGNATURE", "*_COOKIE", "TOKEN", "SECRET", "PASSWORD", "APIKEY", "CREDENTIALS"),
    *("PGPASSWORD", "MYSQL_PWD", "REDISCLI_AUTH", "SSHPASS"),
)
"""Names of variables whose values are masked, as patterns."""

_log: Final = logging.getLogger("otto_logs")


def names_in(environment: Mapping[str, str]) -> list[str]:
    """What ``OTTO_LOGS_MASK_ENV`` names, separated by commas."""
    return [each.strip() for each in environment.get(MASK_ENV_VARIABLE, "").split(",") if each.strip()]


def secrets_of(environment: Mapping[str, str], patterns: Sequence[str] | None = None) -> Iterator[tuple[str, str]]:
    """The variables whose values are secrets: name and value.

    Args:
        environment: of the process.
        patterns: further names and patterns; ``!`` before one takes out what it matches, and the last that matches
            counts. None: those in the variable ``OTTO_LOGS_MASK_ENV``.
    """
    if patterns is None:
        patterns = names_in(environment)
    for name, value in environment.items():
        is_secret = False
        for pattern in (*SECRET_NAMES, *patterns):
            if fnmatchcase(name, pattern.removeprefix("!")):
                is_secret = not pattern.startswith("!")
        if is_secret and value.strip():
            yield name, value


def checked_secret(value: str) -> str:
    """A value that can be masked.

    Raises:
        ValueError: it cannot; the text does not show it.
    """
    if reason := why_no_secret(value):
        raise ValueError(f"the value cannot be masked: {reason}")
    return value


def own_secrets(patterns: Sequence[str] | None) -> list[str]:
    """The values of this process's environment that can be masked; of others the log says that they are not."""
    values = []
    for name, value in secrets_of(os.environ, patterns):
        if reason := why_no_secret(value):
            _log.warning("the value of %s is not masked: %s", name, reason)
        else:
            values.append(value)
    return values
