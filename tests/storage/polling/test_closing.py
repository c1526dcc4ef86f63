"""Closing rows."""

import pytest

from storage.journal import TaskEnded
from storage.polling.closing import ClosingRows, closing_message

TIME = "2025-01-02T03:04:05.000000000Z"


def _end(status: str = "COMPLETED", reason: str = "", *, through_status: bool = True) -> TaskEnded:
    return TaskEnded("t", 3, status, TIME, reason, through_status)


@pytest.mark.parametrize(
    ("policy", "through_status", "added"),
    [
        (ClosingRows.STATUS, True, True),
        (ClosingRows.STATUS, False, False),
        (ClosingRows.ALWAYS, False, True),
        (ClosingRows.NEVER, True, False),
    ],
)
def test_the_setting_decides_which_ends_get_a_row(policy: ClosingRows, through_status: bool, added: bool) -> None:
    """By default only ends that followed from worker status reports do."""
    message = closing_message(policy, _end(through_status=through_status), "last")
    assert message == ("🎉 작업 완료" if added else None)


def test_a_failed_task_says_why() -> None:
    """The reason follows, or the status where there is no reason."""
    assert closing_message(ClosingRows.STATUS, _end("FAILED", "exit code 2"), "last") == "❌ 오류: exit code 2"
    assert closing_message(ClosingRows.STATUS, _end("FAILED"), None) == "❌ 오류: FAILED"


@pytest.mark.parametrize("last", ["작업 완료", "[12:00] 🎉 작업 완료!", "❌ 오류: exit code 2"])
def test_a_log_that_says_so_itself_gets_none(last: str) -> None:
    """Nothing is said twice, whoever said it."""
    assert closing_message(ClosingRows.ALWAYS, _end("FAILED", "exit code 2"), last) is None
