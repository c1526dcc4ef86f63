"""Targets: where notifications go. Only who operates the gateway names them; rules choose from their names."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

__all__ = ["Target", "TargetError", "targets_from"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)


class TargetError(ValueError):
    """A target that cannot be used; the text begins with its name."""


class TargetDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A target as it is written."""

    webhook: str | None = None
    secret_env: str | None = None
    apprise_env: str | None = None
    alertmanager: str | None = None
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A target that is ready to be used. Its text form shows no address: it may have a secret in it.

    Attributes:
        url: of the webhook or of Alertmanager, or Apprise's.
        secret: key of the signature; empty: nothing is signed.
        is_private: whether internal addresses are allowed.
    """

    name: str
    kind: str
    url: str
    secret: bytes = b""
    is_private: bool = False

    def __repr__(self) -> str:
        return f"<Target {self.name} {self.kind}>"


def targets_from(document: object, environment: Mapping[str, str] | None = None) -> dict[str, Target]:
    """The targets of a mapping from names to documents.

    Args:
        document: as read from YAML.
        environment: where secrets are; the process's own where None.

    Raises:
        TargetError: one cannot be used.
    """
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise TargetError("targets: write a mapping from names to targets")
    found = environment if environment is not None else os.environ
    return {name: _target(str(name), written, found) for name, written in document.items()}


def _target(name: str, written: Any, environment: Mapping[str, str]) -> Target:
    place = f"target {name[:40]}"
    if not _NAME.fullmatch(name):
        raise TargetError(f"{place}: a name is 1 to 100 lower-case letters, digits, dots, hyphens and underscores")
    try:
        document = msgspec.convert(written, TargetDocument)
    except msgspec.ValidationError as error:
        raise TargetError(f"{place}: {error}") from error
    given = [kind for kind in ("webhook", "apprise_env", "alertmanager") if getattr(document, kind) is not None]
    if len(given) != 1:
        raise TargetError(f"{place}: write one of webhook, alertmanager and apprise_env")
    kind = given[0]
    value: str = getattr(document, kind)
    if kind == "apprise_env":
        return Target(name, "apprise", _variable(place, kind, value, environment))
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise TargetError(f"{place}: {kind} is an address that begins with https:// or http://")
    secret = _variable(place, "secret_env", document.secret_env, environment) if document.secret_env else ""
    return Target(name, kind, value, secret.encode(), document.allow_private)


def _variable(place: str, field: str, name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if not value:
        raise TargetError(f"{place}: {field} names the environment variable {name[:100]}, which is not set")
    return value
