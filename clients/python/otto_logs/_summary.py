"""Why a task failed, as the gateway says it."""

import os
from typing import Any

from otto_logs._errors import OttoLogsError
from otto_logs._gateway_url import default_url

__all__ = ["read_summary"]


def read_summary(
    task_id: str, *, url: str | None = None, token: str | None = None, characters: int = 2000
) -> dict[str, Any]:
    """Ask the gateway why a task failed; the document of ``GET …/logs/{taskId}/summary``.

    Args:
        task_id: the task; it may still run.
        url: the gateway's HTTP address; by default ``OTTO_URL``, or http://127.0.0.1:4000.
        token: what to show; by default ``OTTO_TOKEN``.
        characters: at most so many characters of JSON, from 500 to 100,000.

    Raises:
        OttoLogsError: the gateway is away or refused, or has no such task.
    """
    from otto_logs._commands.history_pages import Stored
    from otto_logs._commands.stream import StreamError

    try:
        with Stored((url or default_url()).rstrip("/"), token or os.environ.get("OTTO_TOKEN")) as stored:
            return stored.summary(task_id, characters)
    except StreamError as error:
        raise OttoLogsError(str(error)) from error
