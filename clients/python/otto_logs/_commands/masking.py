"""The options that say which secrets a command's producer masks."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from otto_logs._commands.exit_codes import say
from otto_logs._secret_forms import why_no_secret
from otto_logs._secrets import MASK_ENV_VARIABLE, names_in, secrets_of

__all__ = ["Masking", "masking_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, repr=False)
class Masking:
    """What the command line says of secrets.

    Attributes:
        names: of variables, beside the usual ones.
        secrets: what files have, as far as it can be masked.
        warnings: what cannot be, without showing it.
    """

    names: Sequence[str] = ()
    secrets: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def warn(self) -> None:
        """Say what is not masked."""
        for warning in self.warnings:
            say(warning)

    @classmethod
    def of(cls, names: Sequence[str], files: Sequence[Path]) -> "Masking":
        """What the options say.

        Raises:
            click.UsageError: a file cannot be read.
        """
        names = [*names_in(os.environ), *names]
        warnings = [
            f"not masked: the value of {name}, because {reason}"
            for name, value in secrets_of(os.environ, names)
            if (reason := why_no_secret(value))
        ]
        secrets: list[str] = []
        for file in files:
            try:
                text = file.read_text(errors="surrogateescape")
            except OSError as error:
                raise click.UsageError(f"--mask-file: {error}") from None
            lines = [line for line in text.splitlines() if line.strip()]
            if not why_no_secret(text):
                secrets.append(text)
            for number, line in enumerate(lines, 1):
                if reason := why_no_secret(line):
                    warnings.append(f"not masked: line {number} of {file}, because {reason}")
                else:
                    secrets.append(line)
        return cls(names, secrets, warnings)


def masking_options(function: _F) -> Callable[..., Any]:
    """Give a command the options of ``Masking``, as one argument ``masking``."""

    @click.option(
        "--mask-env",
        "mask_names",
        multiple=True,
        metavar="NAME",
        help="Variable whose value is sent as ***, or a pattern of names (*_DSN); may be repeated. !NAME: not that "
        f"one. Beside what looks like a secret, and what {MASK_ENV_VARIABLE} names.",
    )
    @click.option(
        "--mask-file",
        "mask_files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File with a secret: all of it and each of its lines are sent as ***; may be repeated.",
    )
    @wraps(function)  # with the options that it has
    def command(*arguments: Any, mask_names: tuple[str, ...], mask_files: tuple[Path, ...], **options: Any) -> Any:
        return function(*arguments, masking=Masking.of(mask_names, mask_files), **options)

    return command
