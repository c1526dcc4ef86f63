"""Closing rows."""

import pytest

from storage.journal.interface import TaskEnded
from storage.polling.closing_rows import ClosingRows, closing_message, is_said

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
    message = closing_message(policy, _end(through_status=through_status))
    assert message == ("🎉 작업 완료" if added else None)


def test_a_failed_task_says_why() -> None:
    """The reason follows, or the status where there is no reason."""
    assert closing_message(ClosingRows.STATUS, _end("FAILED", "exit code 2")) == "❌ 오류: exit code 2"
    assert closing_message(ClosingRows.STATUS, _end("FAILED")) == "❌ 오류: FAILED"


@pytest.mark.parametrize("last", ["작업 완료", "[12:00] 🎉 작업 완료!", "❌ 오류: exit code 2"])
def test_a_log_that_says_so_itself_gets_none(last: str) -> None:
    """Nothing is said twice, whoever said it."""
    assert is_said("❌ 오류: exit code 2", last)


@pytest.mark.parametrize("last", [None, "", "완료", "❌ 오류: exit code 1"])
def test_any_other_last_row_says_nothing(last: str | None) -> None:
    """Neither no row at all nor the closing row of another end counts."""
    assert not is_said("❌ 오류: exit code 2", last)
