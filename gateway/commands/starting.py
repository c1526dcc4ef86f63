"""A start that outlasts a database which goes away in the middle of it."""

import asyncio
from typing import Final

import structlog

from gateway.app import Gateway
from gateway.settings.consistency import is_postgres
from gateway.settings.model import Settings
from storage.errors import StorageObstructedError

__all__ = ["start_gateway"]

_PAUSE_SECONDS: Final = 0.5

_log = structlog.get_logger(__name__)


async def start_gateway(settings: Settings) -> Gateway:
    """Call ``Gateway.start``, and call it again if a database server became unavailable meanwhile.

    The journal waits for a server that is not up yet. Databases opened after it may lose a server that was up a moment
    ago: it fails over, restarts, or is too busy to answer in time. This does not apply to SQLite files.

    Raises:
        SettingsError: see ``Gateway.start``, as are ``ListenError`` and ``StorageError``.
    """
    reason = ""
    while True:
        try:
            return await Gateway.start(settings)
        except StorageObstructedError as error:
            if not any(map(is_postgres, (settings.database_url, settings.polling_database))):
                raise
            if str(error) != reason:
                reason = str(error)
                _log.warning("the start begins again: a database went away", reason=reason)
        await asyncio.sleep(_PAUSE_SECONDS)
