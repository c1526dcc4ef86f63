"""Where settings come from: the environment, before a file, before the defaults."""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from gateway.settings.model import CREDENTIALS, Settings

__all__ = ["SettingsError", "load_settings"]

_EMPTY_IS_WRONG: Final = frozenset(CREDENTIALS)
"""An orchestrator may turn a missing secret into an empty one. That must not silently disable authentication."""


class SettingsError(Exception):
    """Settings that cannot be used.

    Attributes:
        problems: one sentence each, with the name as it was written.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def load_settings(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Put the settings together.

    In the environment a setting is called by its name in capitals, with or without underscores: ``MAX_CONNECTIONS`` or
    ``MAXCONNECTIONS``. In the file (TOML, no tables) also as ``max_connections`` or ``maxConnections``. What is unknown
    there is an error; the environment is full of other programs' variables. ``NODE_ENV=development`` sets
    ``debug_mode`` if nothing else does.

    Args:
        file: None: there is none.
        environment: None: the process's own.

    Raises:
        SettingsError: the file cannot be read, or a name or a value is wrong.
    """
    problems: list[str] = []
    found = _from_node(os.environ if environment is None else environment)
    found |= _from_file(file, problems) if file is not None else {}
    found |= _from_environment(os.environ if environment is None else environment, problems)
    try:
        settings = Settings.model_validate({name: value for name, (_, value) in found.items()})
    except ValidationError as error:
        problems += [_explained(detail, found) for detail in error.errors(include_url=False, include_input=False)]
    if problems:
        raise SettingsError(problems)
    return settings


def _from_node(environment: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    """The older system's rule: development is debugged. The setting itself goes first."""
    return {"debug_mode": ("NODE_ENV", True)} if environment.get("NODE_ENV") == "development" else {}


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> dict[str, tuple[str, object]]:
    found: dict[str, tuple[str, object]] = {}
    for name in Settings.model_fields:
        capitals = name.upper()
        given = {key: environment[key] for key in (capitals, capitals.replace("_", "")) if key in environment}
        if len(set(given.values())) > 1:
            problems.append(f"{' and '.join(given)} are the same setting and differ; keep one of them")
        for key, value in given.items():
            if value or name in _EMPTY_IS_WRONG:
                found[name] = (key, value)
    return found


def _from_file(file: Path, problems: list[str]) -> dict[str, tuple[str, object]]:
    try:
        with file.open("rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise SettingsError([f"cannot read the settings file {file}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"the settings file {file} is not TOML: {error}"]) from error
    known = {_letters(name): name for name in Settings.model_fields}
    found: dict[str, tuple[str, object]] = {}
    for key, value in content.items():
        name = known.get(_letters(key))
        origin = f"{key} in {file}"
        if name is None:
            near = difflib.get_close_matches(_letters(key), known, n=1)
            hint = f"; did you mean {known[near[0]]}?" if near else "; `otto-gateway settings` lists all"
            problems.append(f"{origin}: there is no such setting{hint}")
        elif name in found:
            problems.append(f"{origin}: given before as {found[name][0]}; keep one of them")
        else:
            found[name] = (origin, value)
    return found


def _letters(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _explained(detail: Any, found: Mapping[str, tuple[str, object]]) -> str:
    text = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return str(text)
    name = str(detail["loc"][0])
    origin = found.get(name, (name.upper(), None))[0]
    if name in _EMPTY_IS_WRONG and found[name][1] == "":
        return f"{origin} is empty; give it a value, or remove it to let everybody in without a token"
    return f"{origin}: {text[0].lower()}{text[1:]}"
