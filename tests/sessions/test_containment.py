"""Errors of one session."""

import asyncio

import pytest

from sessions.containment import contained, contained_task


class Failing:
    def __init__(self) -> None:
        self.failures = 0

    def fail(self) -> None:
        self.failures += 1

    @contained
    def step(self, error: BaseException) -> None:
        raise error

    @contained_task
    async def work(self, error: BaseException) -> None:
        raise error


async def test_contained_errors_end_their_session_alone() -> None:
    """Of a step and of a task; the caller hears nothing of them."""
    session = Failing()
    session.step(ValueError("of a transport"))
    await session.work(ValueError("of a journal"))
    assert session.failures == 2


async def test_a_contained_task_can_be_cancelled() -> None:
    """That is no error of the session."""
    session = Failing()
    with pytest.raises(asyncio.CancelledError):
        await session.work(asyncio.CancelledError())
    assert session.failures == 0
