"""States of a session."""

import itertools

import pytest

from sessions.session_state import SessionState


def test_nothing_follows_a_closed_session() -> None:
    """And every other state may end."""
    for state in SessionState:
        assert state.to(SessionState.CLOSED) is SessionState.CLOSED
        if state is not SessionState.CLOSED:
            with pytest.raises(RuntimeError, match=f"cannot go from closed to {state.value}"):
                SessionState.CLOSED.to(state)


def test_a_session_starts_once() -> None:
    """The states of an open one may follow each other in any order, except that it does not start again."""
    for before, after in itertools.permutations(set(SessionState) - {SessionState.CLOSED}, 2):
        if after is SessionState.STARTING:
            with pytest.raises(RuntimeError, match="to starting"):
                before.to(after)
        else:
            assert before.to(after) is after
