"""Extras: packages that only a part of the gateway needs, and that may not be installed."""

import importlib
from collections.abc import Iterable

from gateway.settings.sources import SettingsError

__all__ = ["require_extra"]


def require_extra(extra: str, modules: Iterable[str], *, needed_for: str) -> None:
    """Return if the modules of an extra can be imported.

    Raises:
        SettingsError: one cannot; the sentence says what to install.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            install = f"pip install 'otto-log-gateway[{extra}]'"
            raise SettingsError([f"{needed_for} needs {error.name or module}: {install}"]) from error
