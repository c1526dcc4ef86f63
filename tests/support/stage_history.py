"""Whether a task of the automation queue went through its stages as its rows say."""

from collections import defaultdict

from components.automation.tables import TaskRepository

__all__ = ["judge_stages"]


def judge_stages(tasks: TaskRepository, task_id: str, *, is_crawl: bool) -> str:
    """Check one task's rows against each other; returns how it ended."""
    items = tasks.queue(task_id)
    expected = ["schedule", "script", *(["image"] if is_crawl else []), "video", "youtube"]
    assert [row["queue_type"] for row in items] == expected[: len(items)]
    actions = defaultdict(list)
    for row in reversed(tasks.logs(task_id, limit=100_000)):
        if row["action_type"] in ("start", "retry", "complete", "fail"):
            actions[row["queue_id"]].append(row["action_type"])
    for row in items:
        assert row["status"] in ("completed", "failed")
        assert row["status"] == "completed" or row["retry_count"] == row["max_retry"]
        end = "complete" if row["status"] == "completed" else "fail"
        assert actions[row["id"]] == ["start", "retry"] * row["retry_count"] + ["start", end]
    assert all(row["status"] == "completed" for row in items[:-1])
    assert items[-1]["status"] == "failed" or items[-1]["queue_type"] == "youtube"
    return str(items[-1]["status"])
