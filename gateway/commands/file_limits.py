"""How many files and sockets the process may have open."""

import resource

import structlog

from gateway.settings.model import Settings

__all__ = ["allow_open_files"]

_OTHERS = 512
"""Databases, listening sockets, requests that come and go."""

_log = structlog.get_logger(__name__)


def allow_open_files(settings: Settings) -> None:
    """Raise the soft limit to what the settings may need; many systems start programs with 1,024."""
    needed = 2 * settings.max_connections + settings.max_producers + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        _log.warning("open file limit too low for settings", allowed=allowed, needed=needed)
