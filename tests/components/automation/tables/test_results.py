"""What a run leaves in ``tasks``, ``contents`` and ``task_logs``, in the older system's words."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.automation.scheduler import utc_now
from components.automation.tables import AutomationDatabase, QueueItem, QueueRepository, SchedulerLock, TaskRepository


class Bench:
    def __init__(self, path: Path) -> None:
        self.database = AutomationDatabase(path / "otto.db")
        self.database.prepare()
        self.tasks = TaskRepository(self.database, utc_now)
        self.task_id = self.tasks.create("A walk", "longform", settings={"format": "9:16"}, max_retry=1)
        lock = SchedulerLock(self.database, utc_now)
        assert lock.take()
        self.queue = QueueRepository(lock)

    def next(self, kind: str) -> QueueItem:
        item = self.queue.dequeue(kind)
        assert item is not None
        return item

    def complete(self, kind: str, **result: Any) -> None:
        assert self.queue.complete(self.next(kind), result)

    def messages(self) -> list[str]:
        return [row["message"] for row in reversed(self.tasks.logs(self.task_id))]

    def task(self) -> dict[str, Any]:
        found = self.tasks.task(self.task_id)
        assert found is not None
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_run_has_the_older_systems_words(bench: Bench) -> None:
    """Each stage says what comes after it, and where its result is."""
    for kind, result in (
        ("schedule", {}),
        ("script", {"script_path": "tasks/a/story.json"}),
        ("video", {"video_path": "tasks/a/output.mp4", "thumbnail_path": "tasks/a/thumbnail.jpg"}),
        ("youtube", {"youtube_url": "https://youtube.com/watch?v=x"}),
    ):
        bench.complete(kind, **result)
    assert [text for text in bench.messages() if "시작" not in text] == [
        "schedule 완료 → script 대기",
        f"📝 대본 저장 완료 → contents.{bench.task()['content_id']}",
        "script 완료 → video 대기",
        "image 건너뜀",
        "🎬 영상 저장 완료 → tasks/a/output.mp4",
        "video 완료 → youtube 대기",
        "youtube 완료",
    ]


def test_paths_are_those_that_a_stage_reports(bench: Bench) -> None:
    """They are null before, and one that is no text is left out."""
    names = ("script_path", "video_path", "thumbnail_path", "youtube_url")
    assert [bench.task()[name] for name in names] == [None] * 4
    bench.complete("schedule")
    bench.complete("script", script_path="story.json", content={"scenes": []})
    bench.complete("video", video_path="output.mp4", thumbnail_path={"no": "text"})
    assert [bench.task()[name] for name in names] == ["story.json", "output.mp4", None, None]
    with bench.database.reading() as connection:
        made = connection.exec_driver_sql("SELECT format, type, video_path, content FROM contents").one()
    assert tuple(made) == ("longform", "video", "output.mp4", '{"scenes": []}')


def test_a_failure_counts_its_tries(bench: Bench) -> None:
    """And says when it is the last one."""
    item = bench.next("schedule")
    assert bench.queue.fail(item, "FFmpeg timeout")
    again = QueueItem(item.id, item.task_id, item.schedule_id, item.queue_type, 1, 1)
    bench.database.write(lambda connection: connection.exec_driver_sql("UPDATE task_queue SET status = 'processing'"))
    assert bench.queue.fail(again, "no") is False
    assert bench.messages()[1:] == ["실패 (시도 1/1): FFmpeg timeout", "영구 실패 (최대 재시도 초과): no"]


def test_a_stop_counts_what_it_ended(bench: Bench) -> None:
    """In its one row, which names the stage that was running."""
    bench.next("schedule")
    assert bench.tasks.stop(bench.task_id) is not None
    row = bench.tasks.logs(bench.task_id, action_type="stop")[0]
    assert (row["message"], row["level"]) == ("🛑 사용자에 의해 작업이 중지되었습니다", "warn")
    assert json.loads(row["metadata"]) == {"stopped_processing": 1, "deleted_waiting": 0}
    assert row["queue_type"] == "schedule"
