"""Targets: where notifications go. Only who operates the gateway names them; rules choose from their names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from components.alerts.durations import duration_seconds
from components.alerts.names import NAME, NAME_RULE

__all__ = ["Target", "TargetError", "targets_from"]


class TargetError(ValueError):
    """A target that cannot be used; the text begins with its name."""


class TargetDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A target as it is written."""

    webhook: str | None = None
    secret_env: str | None = None
    apprise_env: str | None = None
    alertmanager: str | None = None
    allow_private: bool = False
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A target that is ready to be used. Its text form shows no address: it may have a secret in it.

    Attributes:
        url: of the webhook or of Alertmanager, or Apprise's.
        secret: key of the signature; empty: nothing is signed.
        is_private: whether internal addresses are allowed.
        digest: seconds over which notifications are gathered into one; 0: each is sent by itself.
    """

    name: str
    kind: str
    url: str
    secret: bytes = b""
    is_private: bool = False
    digest: float = 0.0

    def __repr__(self) -> str:
        return f"<Target {self.name} {self.kind}>"


def targets_from(document: object, environment: Mapping[str, str] | None = None) -> dict[str, Target]:
    """The targets of a mapping from names to documents.

    Args:
        document: as read from YAML.
        environment: contains the secrets; None: the environment of the process.

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
    if not NAME.fullmatch(name):
        raise TargetError(f"{place}: a name is {NAME_RULE}")
    try:
        document = msgspec.convert(written, TargetDocument)
    except msgspec.ValidationError as error:
        raise TargetError(f"{place}: {error}") from error
    given = [kind for kind in ("webhook", "apprise_env", "alertmanager") if getattr(document, kind) is not None]
    if len(given) != 1:
        raise TargetError(f"{place}: write one of webhook, alertmanager and apprise_env")
    kind = given[0]
    try:
        digest = duration_seconds(document.digest) if document.digest is not None else 0.0
    except ValueError as error:
        raise TargetError(f"{place}: digest: {error}") from error
    if digest and kind == "alertmanager":
        raise TargetError(f"{place}: Alertmanager groups by itself; a digest is for people")
    value: str = getattr(document, kind)
    if kind == "apprise_env":
        return Target(name, "apprise", _variable(place, kind, value, environment), digest=digest)
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise TargetError(f"{place}: {kind} is an address that begins with https:// or http://")
    secret = _variable(place, "secret_env", document.secret_env, environment) if document.secret_env else ""
    return Target(name, kind, value, secret.encode(), document.allow_private, digest)


def _variable(place: str, field: str, name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if not value:
        raise TargetError(f"{place}: {field} names the environment variable {name[:100]}, which is not set")
    return value
