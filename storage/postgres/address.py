"""URLs of PostgreSQL: which they are, and how they are shown."""

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from storage.errors import DatabaseError

__all__ = ["plain_url", "shown_address", "single_servers"]


def plain_url(url: str) -> str:
    """A URL without the driver that other programs name in it: ``postgresql+asyncpg://``."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}"


def shown_address(url: str) -> str:
    """Servers and database of a URL, without user and password: ``db1:5432,db2:5432/otto``.

    Raises:
        DatabaseError: the URL cannot be read, or names no database.
    """
    try:
        parts = urlsplit(url)
        servers = parts.netloc.rpartition("@")[2]
        for server in servers.split(","):
            _ = urlsplit(f"//{server}").port
    except ValueError as error:
        raise DatabaseError(f"the database URL cannot be read: {error}") from error
    database = unquote(parts.path.removeprefix("/"))
    if not database:
        raise DatabaseError("the database URL must name a database: postgresql://user@host:5432/otto")
    return f"{servers or 'the local socket'}/{database}"


def single_servers(url: str) -> Sequence[str]:
    """A URL for each server that one names: ``postgresql://user@db1,db2/otto``."""
    parts = urlsplit(url)
    user, at, servers = parts.netloc.rpartition("@")
    if "," not in servers:
        return [url]
    return [parts._replace(netloc=f"{user}{at}{server}").geturl() for server in servers.split(",")]
