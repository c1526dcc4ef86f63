"""Pinned tasks, and tasks that are deleted, beside a journal, its sink and its readers."""

from collections.abc import Collection
from pathlib import Path

import pytest

from storage.errors import StorageUnavailableError
from storage.journal.sqlite import SqliteJournal
from storage.retention import pins as pins_module
from storage.retention.pins import Pins, TooManyPinsError
from storage.retention.policy import RetentionPolicy
from tests.storage.retention.test_worker import DAY, Shop, shop
from tests.support.job_logs import messages as rows
from tests.support.job_logs import sqlite
from tests.support.journal_items import batch, messages

__all__ = ["shop"]


async def test_nothing_of_a_pinned_task_goes(shop: Shop) -> None:
    """Neither by its age, its rows included, nor for a limit; without its pin it goes like any other."""
    pins = Pins(shop.table.path)
    assert await pins.all() == frozenset()
    for task in "ab":
        await shop.store(f"{task}1", task=task)
    assert [await pins.pin("a", by="someone", at=shop.now) for _ in range(2)] == [True, False]
    shop.now += 2 * DAY
    sqlite(shop.table.path, "UPDATE job_logs SET created_at = '2001-01-01 00:00:00'")
    aged = shop.retention(RetentionPolicy(age_seconds=DAY), pins=pins)
    await aged.run_once()
    assert [await messages(shop.journal, task) for task in "ab"] == [["a1"], []]
    assert [rows(shop.table.path, task) for task in "ab"] == [["a1"], []]
    await shop.retention(RetentionPolicy(tasks_max=0), pins=pins).run_once()
    assert await messages(shop.journal, "a") == ["a1"]
    assert [await pins.unpin("a") for _ in range(2)] == [True, False]
    await aged.run_once()
    assert await messages(shop.journal, "a") == []


async def test_a_task_that_is_pinned_while_a_pass_runs_stays(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is older than the pin."""
    pins = Pins(shop.table.path)
    await shop.store("a1", task="a")
    shop.now += 2 * DAY
    among = pins.among

    async def late(task_ids: list[str]) -> frozenset[str]:
        await pins.pin("a", by="someone", at=shop.now)
        return await among(task_ids)

    monkeypatch.setattr(pins, "among", late)
    await shop.retention(RetentionPolicy(age_seconds=DAY), pins=pins).run_once()
    assert await messages(shop.journal, "a") == ["a1"]


async def test_pins_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused; those that are there stay."""
    monkeypatch.setattr(pins_module, "PINS_MAX", 1)
    pins = Pins(tmp_path / "otto.db")
    pins.create()
    await pins.pin("a", by="", at=0)
    with pytest.raises(TooManyPinsError):
        await pins.pin("b", by="", at=0)
    assert await pins.among(["a", "b"]) == {"a"}
    await pins.close()


async def test_a_deleted_task_is_gone_with_its_rows(shop: Shop) -> None:
    """Whatever the policy keeps; others stay, and a line that comes later has the next sequence."""
    for task in "ab":
        await shop.store(f"{task}1", f"{task}2", task=task)
    retention = shop.retention(RetentionPolicy())
    assert [await retention.remove_task("a") for _ in range(2)] == [2, 0]
    assert [rows(shop.table.path, task) for task in "ab"] == [[], ["b1", "b2"]]
    assert [await messages(shop.journal, task) for task in "ab"] == [[], ["b1", "b2"]]
    await shop.store("a3", task="a")
    assert (await shop.journal.task_state("a")).last == 3


async def test_a_task_to_which_lines_are_added_all_the_time_stays(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of lines that are not deleted must not go: it is refused, and nothing is touched."""
    await shop.store("a1", task="a")
    last_sequences = SqliteJournal.last_sequences

    async def busy(journal: SqliteJournal, task_ids: Collection[str]) -> object:
        await shop.store("more", task="a")
        return await last_sequences(journal, task_ids)

    retention = shop.retention(RetentionPolicy())
    monkeypatch.setattr(SqliteJournal, "last_sequences", busy)
    with pytest.raises(StorageUnavailableError, match="added"):
        await retention.remove_task("a")
    monkeypatch.undo()
    assert len(rows(shop.table.path, "a")) == len(await messages(shop.journal, "a")) > 1


async def test_a_task_whose_lines_have_no_rows_yet_waits_for_them(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sink would copy behind the deletion would never go."""
    monkeypatch.setattr("storage.retention.worker.COPY_SECONDS_MAX", 0.0)
    await shop.sink.close()
    await shop.journal.append(batch("a1", task="a"))
    with pytest.raises(StorageUnavailableError, match="polling table"):
        await shop.retention(RetentionPolicy()).remove_task("a")
