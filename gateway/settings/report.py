"""Settings for people: what is set, without secrets, and what may be set."""

import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from gateway.settings.model import Settings

__all__ = ["HIDDEN", "open_warning", "reference_lines", "setting_lines", "visible_settings"]

HIDDEN: Final = "***"
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^:/@]*):.*@", re.DOTALL)
_QUERY_SECRET: Final = re.compile(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*")
_UNSET: Final = "(unset)"
_TYPES: Final = {bool: "true or false", int: "number", float: "number", str: "text", Path: "file", SecretStr: "secret"}


def visible_settings(settings: Settings, *, changed_only: bool = False) -> dict[str, str]:
    """Every setting as text by the name of its environment variable; secrets and passwords are ``***``.

    Args:
        settings: what to show.
        changed_only: leave out what has its default.
    """
    return {
        name.upper(): _visible(getattr(settings, name))
        for name, field in Settings.model_fields.items()
        if not changed_only or getattr(settings, name) != field.default
    }


def setting_lines(settings: Settings) -> Iterator[str]:
    """One line a setting; a mark in front of those that differ from the default."""
    changed = visible_settings(settings, changed_only=True)
    for name, value in visible_settings(settings).items():
        yield f"{'*' if name in changed else ' '} {name}={value}"


def open_warning(settings: Settings) -> str:
    """The warning about a gateway without authentication; empty if it has one."""
    if not settings.is_open_to_everybody:
        return ""
    return (
        f"HOST={settings.host} is set and credentials are not: whoever can reach the gateway can read and write every "
        "log; set JWT_SECRET, JWT_PUBLIC_KEY or JWKS_URL, or remove HOST to listen on 127.0.0.1 only"
    )


def reference_lines() -> Iterator[str]:
    """The table of all settings in Markdown: name, default, values, meaning."""
    yield "| setting | default | values | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, field in Settings.model_fields.items():
        values = _values(field.annotation)
        yield f"| `{name.upper()}` | {_default(field.default)} | {values} | {field.description} |"


def _visible(value: object) -> str:
    if value is None or value == ():
        return _UNSET
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    text = str(value)
    if "-----BEGIN" in text:
        return "(a key)"  # public, but long, and who put a private one there by mistake must not see it printed
    return _QUERY_SECRET.sub(rf"\1{HIDDEN}", _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text))


def _default(value: object) -> str:
    return "" if value is None or value == () else f"`{_visible(value)}`"


def _values(annotation: Any) -> str:
    """What may be written for a type."""
    origin = typing.get_origin(annotation)
    if origin in {typing.Annotated, typing.Union, types.UnionType}:
        return _values(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(annotation))
    if origin is tuple:
        return "list, separated by commas"
    if annotation in _TYPES:
        return _TYPES[annotation]
    return ", ".join(f"`{value}`" for value in annotation)
