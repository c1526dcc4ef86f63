"""What the driver raises, as errors of storage."""

import asyncpg
import pytest

from storage.errors import StorageObstructedError
from storage.postgres.errors import is_lost, translate_errors


@pytest.mark.parametrize(
    "error", [asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.AdminShutdownError, ConnectionResetError]
)
def test_a_connection_that_the_server_ended_is_lost(error: type[Exception]) -> None:
    """Also where it ended it because the gateway stood still: the same group is tried again, before any other."""
    assert is_lost(error("gone"))
    with pytest.raises(StorageObstructedError), translate_errors("db"):
        raise error("gone")
