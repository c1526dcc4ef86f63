"""Who may write and read executions, and what is answered when the database does not play along."""

from collections.abc import Awaitable
from typing import Final, TypeVar

from components.executions.tables.writer import StoreFullError
from gateway.auth import Principal
from gateway.errors import ApiError
from storage.errors import RecordRefusedError, SchemaError, StorageClosedError, StorageError

__all__ = ["covered", "covered_everything", "stored"]

T = TypeVar("T")

_RETRY_AFTER_SECONDS: Final = 2


def covered(principal: Principal, scope: str, script_id: str | None) -> None:
    """Check that the principal has the scope for the script, or for all scripts if none is named.

    The ``tasks`` of a token are names of scripts here: a script is to its executions what a task is to its lines.

    Raises:
        ApiError: PERMISSION_DENIED.
    """
    if script_id is None:
        covered_everything(principal, scope)
        return
    principal.require(scope)
    try:
        principal.require(scope, task_id=script_id)
    except ApiError as error:
        message = f"the token does not cover script {script_id!r}"
        raise ApiError("PERMISSION_DENIED", message, field="script_id") from error


def covered_everything(principal: Principal, scope: str) -> None:
    """Check that the principal has the scope for all scripts.

    Raises:
        ApiError: PERMISSION_DENIED.
    """
    principal.require(scope)
    if principal.is_limited:
        message = "the token covers some scripts only: name one of them, or use a token without tasks and pipelines"
        raise ApiError("PERMISSION_DENIED", message, field="script_id")


async def stored(work: Awaitable[T]) -> T:
    """What the store answers.

    Raises:
        ApiError: UNAVAILABLE if a retry may help, INVALID_ARGUMENT if a table rejects the record.
    """
    try:
        return await work
    except SchemaError as error:
        raise _unavailable("executions cannot be stored or read now: their tables do not fit") from error
    except StoreFullError as error:
        raise _unavailable("too many reports wait for the database; try again") from error
    except StorageClosedError as error:
        raise _unavailable("the gateway stops; try again") from error
    except RecordRefusedError as error:
        raise ApiError("INVALID_ARGUMENT", str(error), field=error.field) from error
    except StorageError as error:
        raise _unavailable(f"executions cannot be stored or read now: their database {error.reason}") from error


def _unavailable(message: str) -> ApiError:
    return ApiError("UNAVAILABLE", message, retry_after_seconds=_RETRY_AFTER_SECONDS)
