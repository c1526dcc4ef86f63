"""What would keep the gateway from starting, found out without starting it or changing anything."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from gateway.components import COMPONENTS
from gateway.databases import POSTGRES_MODULES
from gateway.http.sockets import ListenError, close_all, listen
from gateway.settings.consistency import is_postgres
from gateway.settings.derived import authenticator_of, grpc_tls, http_tls
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError
from storage.errors import DatabaseError, StorageError
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import translate_errors
from storage.sqlite.files import acquire_lock, exposure, sqlite_path

__all__ = ["exposed_databases", "problems_of"]

_BUSY_SECONDS = 1.0


def problems_of(settings: Settings) -> list[str]:
    """One sentence for each thing that is not as it must be; empty: the gateway can start."""
    problems: dict[str, None] = {}
    for check in _checks(settings):
        try:
            check()
        except (SettingsError, ListenError, StorageError, OSError) as error:
            problems[str(error)] = None
    return list(problems)


def exposed_databases(settings: Settings) -> list[str]:
    """A warning for each database that every user of the machine may read or write."""
    return [warning for path in _files(settings) if (warning := exposure(path)) is not None]


def _checks(settings: Settings) -> Iterator[Callable[[], object]]:
    yield partial(authenticator_of, settings)
    for component in COMPONENTS:
        yield partial(component.check, settings)
    for name in ("http_port", "websocket_port", "grpc_port"):
        port: int = getattr(settings, name)
        yield partial(_check_port, settings.listen_host, port, name.upper())
    for url in dict.fromkeys((settings.database_url, settings.polling_database)):
        yield partial(_check_shared_database if is_postgres(url) else _check_database, url)
    yield partial(_check_journal_is_free, settings)
    yield partial(grpc_tls, settings)
    yield partial(_check_http_tls, settings)


def _check_port(host: str, port: int, setting: str) -> None:
    close_all(listen(host, port, setting=setting))


def _check_database(url: str) -> None:
    path = sqlite_path(url)
    if not path.exists():
        folder = path.resolve().parent
        if not folder.is_dir():
            raise DatabaseError(f"{path} cannot be made: there is no folder {folder}")
        if not os.access(folder, os.W_OK):
            raise DatabaseError(f"{path} cannot be made: the folder {folder} cannot be written")
        return
    with (
        translate_errors(path),
        closing(open_connection(path, Access.CHANGE, busy_seconds=_BUSY_SECONDS)) as connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _files(settings: Settings) -> list[Path]:
    urls = dict.fromkeys((settings.database_url, settings.polling_database))
    return [sqlite_path(url) for url in urls if not is_postgres(url)]


def _check_journal_is_free(settings: Settings) -> None:
    for path in _files(settings)[:1]:
        if path.exists():
            acquire_lock(path).close()


def _check_shared_database(url: str) -> None:
    require_extra("postgres", POSTGRES_MODULES, needed_for="a database on PostgreSQL")
    from storage.journal.postgres.schema import check_url

    check_url(url)


def _check_http_tls(settings: Settings) -> None:
    tls = http_tls(settings)
    if tls is not None:
        tls.context()
