"""Errors of one session end that session, and nothing that its caller does for others."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

__all__ = ["CanFail", "contained", "contained_task"]


class CanFail(Protocol):
    """What ends because of an error."""

    def fail(self) -> None:
        """End; called where the exception is being handled. Never raises."""
        ...


S = TypeVar("S", bound=CanFail)
P = ParamSpec("P")


def contained(step: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """A method that fails its object in the place of raising."""

    @wraps(step)
    def run(session: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            step(session, *args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever it was, the subscriber is asked to come back, and the log has it
            session.fail()

    return run


def contained_task(
    work: Callable[Concatenate[S, P], Coroutine[Any, Any, None]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, None]]:
    """The same for what runs as a task."""

    @wraps(work)
    async def run(session: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await work(session, *args, **kwargs)
        except Exception:  # noqa: BLE001 - as above
            session.fail()

    return run
