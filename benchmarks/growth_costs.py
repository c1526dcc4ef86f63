"""What one database costs, for ``benchmarks.growth``: the gateway's start, its doors, and the commands."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.growth_data import RARE
from benchmarks.processes import memory_now_bytes
from storage.backup import back_up
from storage.compaction import compact
from storage.journal.sqlite import SqliteJournal
from storage.retention.policy import RetentionPolicy
from storage.retention.worker import Retention
from storage.sqlite.files import acquire_lock
from storage.summaries import SummarySweep
from tests.support.gateway_process import running_gateway
from tests.support.history_server import BASE, History, history_of

__all__ = ["costs_of_lines", "costs_of_tasks"]

_REPEATS: Final = 10
_PAGE: Final = 50
_KEPT_TASKS: Final = 1_000


async def costs_of_tasks(folder: Path, tasks: int) -> dict[str, float]:
    """Milliseconds of pages, medians; seconds of the rest."""
    path = folder / "otto.db"
    found = await _common(folder)
    async with history_of(path) as history:
        middle = f"{history.journal.epoch}-{history.journal.newest_record}-{history.journal.newest_record // 2}"
        questions: dict[str, dict[str, Any]] = {
            "page_ms": {},
            "middle_ms": {"cursor": middle},
            "status_ms": {"status": "RUNNING"},
        }
        for name, given in questions.items():
            found[name] = 1000 * await _seconds(partial(_get, history, "/tasks", limit=_PAGE, **given), _REPEATS)
        found["id_ms"] = 1000 * await _seconds(partial(_get, history, "/tasks", search=f"build-{tasks // 2}"), 1)
        with _timed(found, "search_s"):
            await _search(history, "nowhere")
    await _remove(path, found)
    return found


async def costs_of_lines(folder: Path, text_mb: float) -> dict[str, float]:
    """Seconds; ``text_mb``: the lines themselves."""
    path = folder / "otto.db"
    found = dict[str, float]()
    await _summarize(path, found)
    found |= await _common(folder)
    async with history_of(path) as history:
        for name, word, hits in (("rare_s", RARE, 10), ("nowhere_s", "nowhere", 0)):
            with _timed(found, name):
                count = await _search(history, word)
            if count != hits:
                raise SystemExit(f"{count} hits of {word!r}")
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("SELECT total(length(summary)) FROM journal_summaries").fetchone()
    return found | {"summaries_percent": size / 1e4 / text_mb}


@contextmanager
def _timed(found: dict[str, float], name: str) -> Iterator[None]:
    """Note how many seconds it takes, and print them."""
    started = time.monotonic()
    yield
    found[name] = time.monotonic() - started
    print(f"  {name} {found[name]:.1f}", file=sys.stderr, flush=True)


async def _common(folder: Path) -> dict[str, float]:
    path = folder / "otto.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    found = {"disk_mb": path.stat().st_size / 1e6}
    with _timed(found, "backup_s"):
        back_up(path, folder / "copy.db")
    (folder / "copy.db").unlink()
    with _timed(found, "verify_s"):
        await _command(folder, "verify")
    with _timed(found, "sample_s"):
        await _command(folder, "verify", "--sample", "5")
    started = time.monotonic()
    # Without job_logs: the copies of what is stored would be made now, which is another measurement.
    async with running_gateway(
        folder, is_forked=False, POLLING_DATABASE_URL=f"sqlite:///{folder}/polling.db"
    ) as gateway:
        found["start_s"] = time.monotonic() - started
        found["memory_mb"] = memory_now_bytes(gateway.pid) / 1e6
    return found


async def _command(folder: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("otto-gateway"), *arguments),
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": f"sqlite:///{folder}/otto.db"},
        stdout=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        raise SystemExit(f"{' '.join(arguments)} failed")


async def _summarize(path: Path, found: dict[str, float]) -> None:
    journal = await SqliteJournal.open(path)
    with _timed(found, "summarize_s"):
        await SummarySweep(journal, pause_seconds_max=0).run_once()
    await journal.close()


async def _remove(path: Path, found: dict[str, float]) -> None:
    """What is left when all but a thousand tasks have lost their lines, and with them their rows."""
    journal = await SqliteJournal.open(path)
    policy = RetentionPolicy(tasks_max=_KEPT_TASKS)
    retention = Retention(journal, (), policy, copied=lambda: 1 << 60, pause_seconds_max=0)
    with _timed(found, "retention_s"):
        await retention.run_once()
    await retention.close()
    await journal.close()
    async with history_of(path) as history:
        found["kept_page_ms"] = 1000 * await _seconds(partial(_get, history, "/tasks", limit=_PAGE), _REPEATS)
    compact(path, acquire_lock(path))
    with closing(sqlite3.connect(path)) as connection:
        (found["rows_kept"],) = connection.execute("SELECT count(*) FROM journal_tasks").fetchone()
    found["kept_disk_mb"] = path.stat().st_size / 1e6


async def _search(history: History, word: str) -> int:
    """Hits of a search, page by page to its end."""
    hits, cursor = 0, None
    while True:
        given = {"q": word, "limit": 1000} | ({} if cursor is None else {"cursor": cursor})
        document = await _get(history, "/search", **given)
        hits += sum(task["count"] for task in document["tasks"])
        cursor = document.get("next")
        if cursor is None:
            return hits


async def _seconds(action: Callable[[], Awaitable[Any]], repeats: int) -> float:
    await action()
    taken = []
    for _ in range(repeats):
        started = time.monotonic()
        await action()
        taken.append(time.monotonic() - started)
    return median(taken)


async def _get(history: History, path: str, **given: Any) -> Any:
    answer = await history.http.get(BASE + path, params=given, timeout=None)
    return answer.raise_for_status().json()
