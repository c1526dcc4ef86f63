"""What asyncpg and the network raise, as errors of storage with one sentence each."""

import contextlib
from collections.abc import Iterator
from typing import Final

import asyncpg

from storage.errors import DatabaseError, DiskFullError, StorageError, StorageObstructedError, StorageUnavailableError

__all__ = ["is_lost", "translate_errors"]

_Kind = type[StorageError]

_POOLER: Final = "cannot be used through this pooler; connect to the server itself"

_KINDS: Final[tuple[tuple[type[Exception], _Kind, str], ...]] = (
    (asyncpg.InvalidPasswordError, DatabaseError, "refuses the user or the password"),
    (asyncpg.InvalidAuthorizationSpecificationError, DatabaseError, "does not let this user in"),
    (asyncpg.InvalidCatalogNameError, DatabaseError, "has no such database; create it first"),
    (asyncpg.InvalidSchemaNameError, DatabaseError, "has no such schema; create it first"),
    (asyncpg.InsufficientPrivilegeError, DatabaseError, "does not give this user the rights that are needed"),
    (asyncpg.ProtocolViolationError, DatabaseError, _POOLER),
    (asyncpg.DuplicatePreparedStatementError, DatabaseError, _POOLER),
    (asyncpg.InvalidSQLStatementNameError, DatabaseError, _POOLER),
    (asyncpg.ClientConfigurationError, DatabaseError, "cannot be used with this URL"),
    (asyncpg.TargetServerAttributeNotMatched, StorageObstructedError, "is a read-only standby"),
    (asyncpg.ReadOnlySQLTransactionError, StorageObstructedError, "is a read-only standby"),
    (asyncpg.CannotConnectNowError, StorageObstructedError, "is starting or shutting down"),
    (asyncpg.AdminShutdownError, StorageObstructedError, "has ended the connection"),
    (asyncpg.IdleInTransactionSessionTimeoutError, StorageObstructedError, "has ended the connection"),
    (asyncpg.TooManyConnectionsError, StorageObstructedError, "takes no more connections"),
    (asyncpg.DiskFullError, DiskFullError, "cannot store more: its disk is full"),
    (asyncpg.LockNotAvailableError, StorageObstructedError, "cannot be written: another session has locked a lane"),
    (asyncpg.DeadlockDetectedError, StorageObstructedError, "has ended a transaction that waited for another"),
    (asyncpg.QueryCanceledError, StorageObstructedError, "has cancelled a statement"),
    (asyncpg.PostgresConnectionError, StorageObstructedError, "has lost the connection"),
    (asyncpg.InterfaceError, StorageObstructedError, "has lost the connection"),
    (asyncpg.InternalClientError, StorageObstructedError, "has lost the connection"),
    (asyncpg.PostgresError, StorageUnavailableError, "cannot be used"),
    (TimeoutError, StorageObstructedError, "does not answer"),
    (OSError, StorageObstructedError, "cannot be reached"),
)
"""The first that fits counts."""

_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # this gateway was stopped for a while, or was very slow
    OSError,
)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, and what was under way on it may be done or not."""
    return isinstance(error, _LOST)


@contextlib.contextmanager
def translate_errors(address: str) -> Iterator[None]:
    """Turn what the driver and the network raise into errors of storage that name the server.

    Args:
        address: of the server, without a password.

    Raises:
        DatabaseError: it will not get better by itself.
        StorageUnavailableError: it may.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        for kind, raised, reason in _KINDS:
            if isinstance(error, kind):
                text = f"{reason} ({_first_line(error)})"
                raise raised(f"PostgreSQL at {address} {text}", text) from error
        raise


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
